"""One-time login links of users."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from plughub.domain.clock import isoformat
from plughub.domain.errors import ConflictError
from plughub.domain.timings import LOGIN_LINK_SECONDS
from plughub.domain.words import _
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.web.addresses import absolute
from plughub.web.api.base import APIHandler
from plughub.web.authorization import of_user, requires
from plughub.web.bodies import NUMBER
from plughub.web.description import call


class LoginLinkHandler(APIHandler):
    """``/hub/api/users/:name/login-link``."""

    @call(success=(201,), errors=(404, 409), body={"expires_in": NUMBER})
    @requires("admin:users", about=of_user)
    async def post(self, name: str) -> None:
        """Create a link that logs the user in once."""
        body = self.checked_body("login link")
        if ONETIME not in self.context.login_methods:
            raise ConflictError(
                _("One-time login links are not active on this hub."),
                detail=f"add {ONETIME!r} to c.JupyterHub.plugins and restart the hub",
            )
        user = await self.services.users.get(name)
        seconds = body.get("expires_in") or LOGIN_LINK_SECONDS
        made = await self.services.invitations.create(user, self.visitor, seconds)
        self.emit_event("create-login-link", user.name, expires_at=isoformat(made.expires_at))
        path = f"{self.services.settings.hub_prefix}login/onetime?{urlencode({'token': made.token})}"
        url = absolute(self.services.settings, self.request, path)
        self.answer({"url": url, "expires_at": isoformat(made.expires_at)}, HTTPStatus.CREATED)

    @call(success=(204,), errors=(404,))
    @requires("admin:users", about=of_user)
    async def delete(self, name: str) -> None:
        """Revoke all unused login links of the user."""
        user = await self.services.users.get(name)
        await self.services.invitations.revoke(user)
        self.emit_event("revoke-login-links", user.name)
        self.answer_nothing(HTTPStatus.NO_CONTENT)
