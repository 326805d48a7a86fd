"""Addresses of servers, which reach the hub if the proxy has no route for them."""

from __future__ import annotations

import asyncio
import json
from typing import Final
from urllib.parse import urlencode

from plughub.domain.errors import HubError, NotFoundError
from plughub.domain.paths import respell
from plughub.domain.queries import add_query, escape_uri, filter_query
from plughub.domain.scopes import Access, ScopeFilter
from plughub.domain.servers import ServerRecord
from plughub.domain.timings import REDIRECT_BACKOFF
from plughub.domain.urls import user_url
from plughub.services.addresses import server_prefix
from plughub.web.addresses import absolute
from plughub.web.authorization import NO_ACCESS, access_to
from plughub.web.errors import asks_for_json
from plughub.web.options import user_redirect
from plughub.web.pages.base import PageHandler
from plughub.web.pages.spawn_pending import show_not_running, show_unreachable

JSON: Final = "application/json"


class UserUrlHandler(PageHandler):
    """``/hub/user/name[/…]``: a server that does not run or has no route yet."""

    accepts_token = True
    guarded = frozenset()
    is_activity = False

    async def get(self, name: str, path: str = "") -> None:
        """Redirect to the server, or show its state."""
        if self.principal is None and self._is_for_programs(path):
            self._answer_not_running(name, "")
            return
        record = await self._server(name, path)
        back = respell(self._target, server_prefix(self.services.settings, record))
        # A browser that comes back found no route. The first time, the route may still be on its way.
        elsewhere = self._redirects > 0 and await self.services.router.expected.may_be_missing(record)
        if record.ready and not elsewhere:
            await self._redirect_to_server(record, back)
        elif self._is_for_programs(path):
            self._answer_not_running(name, record.name, running=record.running)
        elif record.running:
            groups = (await self.find_user(record.user)).groups
            show_unreachable(self, record, groups, elsewhere=record.ready)
        elif record.pending or record.failure is not None:
            query = urlencode({"next": back})
            self.redirect(f"{self.hub_path('spawn-pending', name, record.name)}?{query}", status=303)
        else:
            status = self.context.options.not_running_status
            groups = (await self.find_user(record.user)).groups
            show_not_running(self, record, groups, status=status, back=back)

    async def other(self, name: str, path: str = "") -> None:
        """Respond to programs that the server does not run."""
        is_own = self.principal is not None and self.principal.name == name
        server = (await self._server(name, path)).name if is_own else ""
        self._answer_not_running(name, server)

    post = put = patch = delete = other

    async def _server(self, name: str, path: str) -> ServerRecord:
        """Return the server of an address: the named server if there is one with that name, else the default
        one.
        """
        first = path.lstrip("/").partition("/")[0]
        wanted = [
            server
            for server in dict.fromkeys((first, ""))
            if await access_to(self, ("access:servers",), ScopeFilter.server(name, server)) is Access.ALLOWED
        ]
        for server in wanted:
            try:
                return await self.services.servers.get(name, server)
            except NotFoundError:
                continue
        raise NotFoundError(NO_ACCESS)

    async def _redirect_to_server(self, record: ServerRecord, path: str) -> None:
        """Redirect to the server, with an increasing delay if the browser keeps coming back."""
        count = self._redirects
        if count >= self.context.options.user_redirect_limit:
            raise HubError(
                "Redirect loop detected.",
                hint="Your server is running, but cannot be reached at its address. Wait a minute and try "
                "again. If the problem persists, stop the server and start it again.",
            )
        if count:
            await asyncio.sleep(REDIRECT_BACKOFF.after(count))
        target = self.services.settings.origins.of_user(record.user) + path.partition("?")[0]
        target = add_query(target, filter_query(self.request.query, "redirects".__eq__))
        self.redirect(add_query(target, f"redirects={count + 1}"))
        self.context.metrics.count_server_redirect()

    @property
    def _redirects(self) -> int:
        """Return how many times this browser has just been redirected to the server."""
        redirects = self.get_query_argument("redirects", "0")
        return int(redirects) if redirects.isdecimal() and redirects.isascii() else 0

    @property
    def _target(self) -> str:
        """Return the address of this request below the server's prefix."""
        settings = self.services.settings
        return settings.base_url + escape_uri((self.request.uri or "")[len(settings.hub_prefix) :])

    def _is_for_programs(self, path: str) -> bool:
        return asks_for_json(self.request.headers.get("Accept", ""), path) or self._has_token

    @property
    def _has_token(self) -> bool:
        return self.principal is not None and self.principal.by_token

    def _answer_not_running(self, name: str, server: str, *, running: bool = False) -> None:
        prefix = self.services.settings.hub_prefix
        where = absolute(self.services.settings, self.request, self.spawn_path(name, server))
        path = f"/{self.request.path[len(prefix) :]}"
        status = self.context.options.not_running_status
        message = f"JupyterHub server no longer running at {path}. Restart the server at {where}"
        if running:
            status, message = 503, f"The server at {path} cannot be reached at the moment. Try again later."
        self.set_status(status)
        self.set_header("Content-Type", JSON)
        self.finish(json.dumps({"status": int(status), "message": message}))


class UserRedirectHandler(PageHandler):
    """``/hub/user-redirect/…``: the same address on the server of the user who opens the link."""

    async def get(self, path: str = "") -> None:
        """Redirect to the page that starts the user's server, which leads on to the address."""
        user = self.visitor.user
        elsewhere = await user_redirect(self, path, user)
        if elsewhere:
            self.redirect(elsewhere)
            return
        server = self.context.options.default_server_name
        target = user_url(self.services.settings.base_url, user.name, server) + path.lstrip("/")
        target = add_query(target, escape_uri(self.request.query))
        self.redirect(f"{self.spawn_path(user.name, server)}?{urlencode({'next': target})}")
