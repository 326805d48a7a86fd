"""The ways in: the root, the home page, and addresses that lack the hub's prefix."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from plughub.domain.errors import NotFoundError
from plughub.domain.queries import add_query, escape_uri
from plughub.domain.shares import Share
from plughub.domain.urls import url_path_join
from plughub.domain.users import User
from plughub.web.authorization import requires
from plughub.web.options import default_url, named_server_limit
from plughub.web.pages.base import PageHandler
from plughub.web.template_user import TemplateUser
from plughub.web.xsrf import is_navigation

_SERVICE: Final = re.compile(r"services/([^/?#]+)")


class RootHandler(PageHandler):
    """``/hub/``: leads where a login leads. Strangers go to the default address of the hub, or log in."""

    async def get(self) -> None:
        """Send the browser on."""
        if self.principal is not None:
            self.redirect(await landing(self, self.principal.user))
            return
        default = "" if self.next_url else await default_url(self)
        if not default:
            self.refuse_stranger()
        self.redirect(self.onward(default))


class SlashHandler(PageHandler):
    """The addresses of the hub without the slash at their end, to which browsers send no login cookie."""

    any_host = True
    guarded = frozenset()

    async def get(self) -> None:
        """Add the slash."""
        self.redirect(add_query(f"{escape_uri(self.request.path)}/", escape_uri(self.request.query)))


class HomeHandler(PageHandler):
    """``/hub/home``: the servers of the user."""

    @requires()
    async def get(self) -> None:
        """Show the servers."""
        user = self.visitor.user
        servers = await self.services.servers.of_user(user)
        checked = [await self.services.servers.check(server) for server in servers]
        cards = [self.server_card(server) for server in checked]
        settings = self.services.settings
        default = next(card for card in cards if not card["name"])
        named = [card for card in cards if card["name"]]
        limit = await named_server_limit(self)
        self.render_page(
            "home.html",
            user=TemplateUser(user, settings, cards),
            url=default["url"] if default["active"] else default["spawn_url"],
            default_server=default,
            spawners=named,
            allow_named_servers=settings.allow_named_servers,
            named_server_limit_per_user=limit,
            invalid_server_names=[],
            url_path_join=url_path_join,
            may_add=settings.allow_named_servers and (not limit or len(named) < limit),
            several_spawners=len(settings.spawners) > 1,
            shared=[self._shared_card(share) for share in await self.services.sharing.with_me(user)],
        )

    def _shared_card(self, share: Share) -> dict[str, Any]:
        return {
            "owner": share.owner,
            "name": share.server,
            "url": self.server_path(share.owner, share.server),
            "ready": share.ready,
        }


class PrefixHandler(PageHandler):
    """Addresses that lack the hub's prefix, such as those of servers that are not routed."""

    any_host = True
    guarded = frozenset()

    async def get(self, *path: str) -> None:
        """Send the browser to the same address below the hub's prefix, or to the service that it is of."""
        settings = self.services.settings
        if not self.is_at_hub and not is_navigation(self.request):
            # A script would not be let to the hub's origin, and could not read why.
            await self.other(*path)
            return
        rest = escape_uri((self.request.uri or "/")[len(settings.base_url) :].lstrip("/\\"))
        service = _SERVICE.match(rest)
        if service and self.is_at_hub and not settings.shares_origin:
            self.redirect(settings.origins.of_service(unquote(service[1])) + settings.base_url + rest)
            return
        self.redirect(("" if self.is_at_hub else settings.origins.hub) + settings.hub_prefix + rest)

    head = get

    async def other(self, *_path: str) -> None:
        """Say to programs that the server does not run; what they sent cannot be sent on."""
        base = self.services.settings.base_url
        if not self.request.path.startswith((f"{base}user/", f"{base}services/")):
            raise NotFoundError("there is nothing at this address")
        status = self.context.options.not_running_status
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish({"status": status, "message": f"nothing runs at {self.request.path}"})

    post = put = patch = delete = other


class NotFoundHandler(PageHandler):
    """Everything below the hub's prefix that is nothing else."""

    guarded = frozenset()

    async def get(self, *_path: str) -> None:
        """Say that there is nothing."""
        raise NotFoundError("there is nothing at this address")

    head = post = put = patch = delete = get


async def landing(handler: PageHandler, user: User) -> str:
    """Return where a user goes who has logged in, or comes to the address of the hub.

    Args:
        handler: of the request.
        user: who.

    Returns:
        The address.
    """
    if handler.next_url:
        return handler.next_url
    default = await default_url(handler)
    if default or not handler.context.options.redirect_to_server:
        return handler.onward(default or handler.hub_path("home"))
    server = await handler.services.servers.get(user.name, "")
    path = handler.link_to(server) if server.ready else handler.spawn_path(user.name, "")
    return handler.onward(path)
