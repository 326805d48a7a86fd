"""The contract of plugins with pages (`hub_register_pages`)."""

from __future__ import annotations

import re
from pathlib import Path

from plughub.kinds import Page
from plughub.testing.contracts.calls import PluginCalls, PluginFixtures
from plughub.web.base import BaseHandler

METHODS = ("get", "head", "post", "put", "patch", "delete")


class PageContract(PluginFixtures):
    """Tests for pages. Subclasses provide the fixture `plugin`.

    Attributes:
        open_to_all: paths of pages that anyone may call without a login.
    """

    open_to_all: frozenset[str] = frozenset()

    def test_pages_are_registered_with_valid_paths(self, calls: PluginCalls) -> None:
        pages = pages_of(calls)
        assert pages
        for page in pages:
            assert page.path.startswith("/"), page.path
            re.compile(page.path)
        assert len({page.path for page in pages}) == len(pages), "two pages have the same path"

    def test_handlers_authenticate_the_request(self, calls: PluginCalls) -> None:
        """A plain tornado handler, or a method without ``needs_scope``, is open to every client."""
        for page in pages_of(calls):
            if page.path in self.open_to_all:
                continue
            assert issubclass(page.handler, BaseHandler), f"{page.path}: inherit from plughub.handlers"
            own = [getattr(page.handler, name) for name in METHODS if name in vars(page.handler)]
            assert own, f"{page.path} answers no method"
            for method in own:
                assert hasattr(method, "__wrapped__"), f"{page.path}: {method.__name__} needs @needs_scope"

    def test_folders_with_templates_and_files_exist(self, calls: PluginCalls) -> None:
        for hook in ("hub_register_templates", "hub_register_static"):
            for answer in calls.caller.register(hook):
                for folder in answer.value:
                    assert Path(folder).is_dir(), f"{hook} names {folder}, which is no folder"


def pages_of(calls: PluginCalls) -> list[Page]:
    """Return the pages that the plugin registers."""
    return [
        page for answer in calls.caller.register("hub_register_pages", each=Page) for page in answer.value
    ]
