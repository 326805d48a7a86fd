"""Addresses of servers that reach the hub because nothing is routed there."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlencode

from plughub.domain.backoff import Backoff
from plughub.domain.errors import HubError, NotFoundError
from plughub.domain.paths import respell
from plughub.domain.queries import add_query, escape_uri, filter_query
from plughub.domain.scopes import ScopeFilter
from plughub.domain.servers import ServerRecord
from plughub.domain.urls import user_url
from plughub.services.addresses import server_prefix
from plughub.web.addresses import absolute
from plughub.web.authorization import NOT_TO_BE_SEEN
from plughub.web.errors import asks_for_json
from plughub.web.options import redirected
from plughub.web.pages.base import PageHandler
from plughub.web.pages.spawn_pending import show_not_running, show_unreachable

BACKOFF: Final = Backoff(first=2.0, longest=10.0)
JSON: Final = "application/json"


class UserUrlHandler(PageHandler):
    """``/hub/user/name[/…]``: a server that does not run, or is about to be routed."""

    accepts_token = True
    guarded = frozenset()
    is_activity = False

    async def get(self, name: str, path: str = "") -> None:
        """Send the browser on, or say that the server does not run."""
        if self.principal is None and self._is_for_programs(path):
            self._fail(name, "")
            return
        record = await self._server(name, path)
        back = respell(self._target, server_prefix(self.services.settings, record))
        # A browser that comes back had no route: the first time that may be one that is still to come.
        elsewhere = self._redirects > 0 and await self.services.router.expected.may_be_missing(record)
        if record.ready and not elsewhere:
            await self._to_the_server(record, back)
        elif self._is_for_programs(path):
            self._fail(name, record.name, running=record.running)
        elif record.running:
            show_unreachable(self, record, elsewhere=record.ready)
        elif record.pending or record.failure is not None:
            query = urlencode({"next": back})
            self.redirect(f"{self.hub_path('spawn-pending', name, record.name)}?{query}", status=303)
        else:
            status = self.context.options.not_running_status
            show_not_running(self, record, status=status, back=back)

    async def other(self, name: str, path: str = "") -> None:
        """Say to programs that the server does not run."""
        own = self.principal is not None and self.principal.name == name
        server = (await self._server(name, path)).name if own else ""
        self._fail(name, server)

    post = put = patch = delete = other

    async def _server(self, name: str, path: str) -> ServerRecord:
        """Find the server that an address is about: a named one when there is one of that name."""
        first = path.lstrip("/").partition("/")[0]
        may = self.visitor.may
        wanted = [
            server
            for server in dict.fromkeys((first, ""))
            if may("access:servers", resource=ScopeFilter.server(name, server))
        ]
        for server in wanted:
            try:
                return await self.services.servers.get(name, server)
            except NotFoundError:
                continue
        raise NotFoundError(NOT_TO_BE_SEEN)

    async def _to_the_server(self, record: ServerRecord, path: str) -> None:
        """Send the browser to the server, more and more slowly when it keeps coming back."""
        count = self._redirects
        if count >= self.context.options.user_redirect_limit:
            raise HubError(
                "Redirect loop detected.",
                hint="The server runs, but the proxy does not lead to it. Wait a minute and try again; "
                "when it happens again, stop the server and start it anew.",
            )
        if count:
            await asyncio.sleep(BACKOFF.after(count))
        target = self.services.settings.origins.of_user(record.user) + path.partition("?")[0]
        target = add_query(target, filter_query(self.request.query, "redirects".__eq__))
        self.redirect(add_query(target, f"redirects={count + 1}"))

    @property
    def _redirects(self) -> int:
        """How often this browser was sent to the server just now."""
        redirects = self.get_query_argument("redirects", "0")
        return int(redirects) if redirects.isdecimal() and redirects.isascii() else 0

    @property
    def _target(self) -> str:
        """The address of this request at the server itself."""
        settings = self.services.settings
        return settings.base_url + escape_uri((self.request.uri or "")[len(settings.hub_prefix) :])

    def _is_for_programs(self, path: str) -> bool:
        return asks_for_json(self.request.headers.get("Accept", ""), path) or self._has_token

    @property
    def _has_token(self) -> bool:
        return self.principal is not None and self.principal.by_token

    def _fail(self, name: str, server: str, *, running: bool = False) -> None:
        prefix = self.services.settings.hub_prefix
        where = absolute(self.services.settings, self.request, self.spawn_path(name, server))
        path = f"/{self.request.path[len(prefix) :]}"
        status = self.context.options.not_running_status
        message = f"JupyterHub server no longer running at {path}. Restart the server at {where}"
        if running:
            status, message = 503, f"The server at {path} cannot be reached at the moment. Try again later."
        self.set_status(status)
        self.set_header("Content-Type", JSON)
        self.finish({"status": int(status), "message": message})


class UserRedirectHandler(PageHandler):
    """``/hub/user-redirect/…``: the same address on whoever's server opens the link."""

    async def get(self, path: str = "") -> None:
        """Send the browser to the start of its own server, and from there to the address."""
        user = self.visitor.user
        elsewhere = await redirected(self, path, user)
        if elsewhere:
            self.redirect(elsewhere)
            return
        server = self.context.options.default_server_name
        target = user_url(self.services.settings.base_url, user.name, server) + path.lstrip("/")
        target = add_query(target, escape_uri(self.request.query))
        self.redirect(f"{self.spawn_path(user.name, server)}?{urlencode({'next': target})}")
