"""Templates of packages: the hub's pages with Bootstrap, jQuery and require.js, and folders of packages."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader

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


class PageEnvironment(Environment):
    """Environment of pages of packages, which add their folders to its loader.

    Some do so at each request: a folder that is there already is not added again, and loaders are not nested.
    """

    @property
    def loader(self) -> ChoiceLoader:
        """Loader of all templates."""
        loader: ChoiceLoader = vars(self)["loader"]
        return loader

    @loader.setter
    def loader(self, given: BaseLoader | None) -> None:
        loaders = list({_identity(part): part for part in _parts(given)}.values())
        before = vars(self).get("loader")
        if not isinstance(before, ChoiceLoader) or before.loaders != loaders:
            vars(self)["loader"] = ChoiceLoader(loaders)


def _parts(loader: BaseLoader | None) -> Iterator[BaseLoader]:
    if isinstance(loader, ChoiceLoader):
        for part in loader.loaders:
            yield from _parts(part)
    elif loader is not None:
        yield loader


def _identity(loader: BaseLoader) -> object:
    return tuple(loader.searchpath) if isinstance(loader, FileSystemLoader) else id(loader)


def page_environment(application: HubApplication) -> Environment:
    """Return the environment of pages of packages.

    The hub's own pages are not affected.

    Args:
        application: the hub's web application.
    """
    hub = application.templates.environment
    assert hub.loader is not None
    pages = hub.overlay()
    pages.__class__ = PageEnvironment  # jinja2 has no other way to make an overlay of a subclass
    pages.loader = ChoiceLoader([FileSystemLoader(_OWN), hub.loader, PrefixLoader({"hub": hub.loader})])
    return pages
