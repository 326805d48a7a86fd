"""Templates of packages: the hub's pages with Bootstrap, jQuery and require.js, and folders of packages."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader

if TYPE_CHECKING:
    from plughub.web.application import HubApplication

_OWN: Final = Path(__file__).parent / "templates"


class AwaitableText(str):
    """Text that may also be awaited: JupyterHub's ``render_template`` was synchronous once."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, str]:
        """Return the text."""
        yield from ()
        return str(self)


def page_environment(application: HubApplication) -> Environment:
    """Return the environment of pages of packages, to whose loader they add their folders.

    The hub's own pages are not affected.

    Args:
        application: the hub's web application.
    """
    hub = application.templates.environment
    assert hub.loader is not None
    own = FileSystemLoader(_OWN)
    return hub.overlay(loader=ChoiceLoader([own, hub.loader, PrefixLoader({"hub": hub.loader})]))
