"""Pages of plugins, and which of them take the place of the hub's login and logout pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tornado.routing import URLSpec
from tornado.web import RequestHandler

from plughub.domain.errors import StartError
from plughub.domain.names import quote_path
from plughub.kinds import LoginMethod, Page
from plughub.web.contained_handlers import contained_handler

_SETTING: Final = "c.JupyterHub.extra_handlers"
LOGIN: Final = "/login"
LOGOUT: Final = "/logout"


@dataclass(frozen=True, slots=True)
class PluginPage:
    """Page with the plugin that registered it.

    Attributes:
        plugin: name of the plugin; empty for a page of the config file.
        page: the page.
    """

    plugin: str
    page: Page

    @property
    def source(self) -> str:
        """Plugin or setting that registered it, for messages."""
        return _source_of(self.plugin)

    @property
    def path(self) -> str:
        """Path below the hub's prefix; those of login and logout pages end with the name of the plugin."""
        path = self.page.path
        return f"{path}/{quote_path(self.plugin)}" if self.plugin and path in {LOGIN, LOGOUT} else path

    def route(self, prefix: str, path: str = "") -> URLSpec:
        """Return the route of the page.

        Args:
            prefix: regular expression of the hub's prefix, without the final slash.
            path: path below the prefix, if it is not the page's own.
        """
        below = path or (re.escape(self.path) if self.path != self.page.path else self.page.path)
        return URLSpec(prefix + below, self._handler(), dict(self.page.options))

    def _handler(self) -> type[RequestHandler]:
        """Return the handler class with the name of the plugin; plugins may register the same class."""
        facts = {"plugin": self.plugin} if hasattr(self.page.handler, "plugin") else {}
        return contained_handler(self.page.handler, self.plugin or _SETTING, self.page.path, facts)


def check_pages(pages: Iterable[PluginPage]) -> None:
    """Check that pages can be opened, and that no two plugins have a page with the same path.

    Raises:
        StartError: a page has no valid path or handler; or two plugins have a page with the same path, and
            one of them could never be opened.
    """
    owners: dict[str, str] = {}
    for found in pages:
        if problem := _problem_with(found.page):
            raise StartError(f"{found.source}: {problem}", plugin=found.plugin)
        owner = owners.setdefault(found.path, found.plugin)
        if owner != found.plugin:
            raise StartError(
                f"{_source_of(owner)} and {found.source} have the same page {found.path}",
                hint="activate only one of them. Two authenticators of one package, such as oauthenticator, "
                "run together in jupyterhub-multiauthenticator, which gives each its own addresses",
            )


def _source_of(plugin: str) -> str:
    return f"plugin {plugin!r}" if plugin else _SETTING


def _problem_with(page: Page) -> str:
    path, handler = page.path, page.handler
    if not path.startswith("/"):
        return f"the path {path!r} of a page does not start with a slash"
    try:
        pattern = re.compile(path)
    except re.error as error:
        return f"the path {path!r} of a page is not a regular expression: {error}"
    if len(pattern.groupindex) not in {0, pattern.groups}:
        return f"the path {path!r} of a page has groups with a name and without: name all of them, or none"
    if not issubclass(handler, RequestHandler):
        return f"the handler of the page {path!r} is {handler.__name__}, no class of request handlers"
    return ""


def with_login_pages(
    methods: Mapping[str, LoginMethod], pages: Iterable[PluginPage]
) -> dict[str, LoginMethod]:
    """Return the login methods; those of plugins with a login page of their own lead to it.

    Args:
        methods: login methods by plugin.
        pages: pages of plugins.
    """
    own = {found.plugin: found.path for found in pages if found.page.path == LOGIN}
    return {
        plugin: replace(method, url=own[plugin], form=False)
        if plugin in own and method.url is None
        else method
        for plugin, method in methods.items()
    }


def login_page(methods: Mapping[str, LoginMethod], pages: Sequence[PluginPage]) -> PluginPage | None:
    """Return the page that takes the place of the hub's login page; None if there are other ways to log in.

    Args:
        methods: login methods by plugin, as `with_login_pages` returns them.
        pages: pages of plugins.
    """
    interactive = [plugin for plugin, method in methods.items() if method.form or method.url]
    if len(interactive) != 1:
        return None
    url = methods[interactive[0]].url
    return _page_of(interactive[0], LOGIN, [found for found in pages if found.path == url])


def logout_path(plugin: str, pages: Iterable[PluginPage]) -> str:
    """Return the path of the logout page of a plugin, below the hub's prefix; empty if it has none."""
    found = _page_of(plugin, LOGOUT, pages)
    return found.path if found else ""


def hub_address(prefix: str, address: str) -> str:
    """Return an address that a plugin named: a full one, or one below the hub's prefix.

    Args:
        prefix: the hub's prefix, such as ``/hub/``.
        address: ``https://login.example/logout``, ``oauth_login``, ``/oauth_login`` or ``/hub/oauth_login``.
    """
    is_complete = address.startswith((prefix, "https://", "http://"))
    return address if is_complete else prefix + address.lstrip("/")


def _page_of(plugin: str, path: str, pages: Iterable[PluginPage]) -> PluginPage | None:
    return next((found for found in pages if found.plugin == plugin and found.page.path == path), None)
