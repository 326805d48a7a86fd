"""The root, and addresses without the hub's prefix."""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import unquote

from plughub.domain.errors import NotFoundError
from plughub.domain.queries import add_query, escape_uri
from plughub.domain.users import User
from plughub.web.options import default_url
from plughub.web.pages.base import PageHandler
from plughub.web.xsrf import is_navigation

_SERVICE: Final = re.compile(r"services/([^/?#]+)")


class RootHandler(PageHandler):
    """``/hub/``: redirects like a login; without a login, to the configured address or the login page."""

    async def get(self) -> None:
        """Redirect the browser."""
        if self.principal is not None:
            self.redirect(await landing(self, self.principal.user))
            return
        default = "" if self.next_url else await default_url(self)
        if not default:
            self.refuse_anonymous()
        self.redirect(self.onward(default))


class SlashHandler(PageHandler):
    """The hub's addresses without the final slash, for which browsers send no login cookie."""

    any_host = True
    guarded = frozenset()

    async def get(self) -> None:
        """Redirect to the address with the slash."""
        self.redirect(add_query(f"{escape_uri(self.request.path)}/", escape_uri(self.request.query)))


class PrefixHandler(PageHandler):
    """Addresses without the hub's prefix, such as those of servers without a route."""

    any_host = True
    guarded = frozenset()

    async def get(self, *path: str) -> None:
        """Redirect to the same address below the hub's prefix, or to the service's own origin."""
        settings = self.services.settings
        if not self.is_at_hub and not is_navigation(self.request):
            # A script could not follow the redirect to the hub's origin, nor read why.
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
        """Respond that the server does not run; a redirect would lose the body."""
        base = self.services.settings.base_url
        if not self.request.path.startswith((f"{base}user/", f"{base}services/")):
            raise NotFoundError("there is nothing at this address")
        status = self.context.options.not_running_status
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"status": status, "message": f"no server is running at {self.request.path}"}))

    post = put = patch = delete = other


class NotFoundHandler(PageHandler):
    """All other addresses below the hub's prefix."""

    guarded = frozenset()

    async def get(self, *_path: str) -> None:
        """Respond with status 404."""
        raise NotFoundError("there is nothing at this address")

    head = post = put = patch = delete = get


async def landing(handler: PageHandler, user: User, next_url: str = "") -> str:
    """Return the address to which a user is redirected after a login and from the hub's root.

    Args:
        handler: handler of the request.
        user: the user.
        next_url: a valid address to continue to; empty for the one that the request names, or the default.
    """
    if next_url or handler.next_url:
        return next_url or handler.next_url
    default = await default_url(handler)
    if default or not handler.context.options.redirect_to_server:
        return handler.onward(default or handler.hub_path("home"))
    server = await handler.services.servers.get(user.name, "")
    path = handler.link_to(server) if server.ready else handler.hub_path("spawn")
    return handler.onward(path)
