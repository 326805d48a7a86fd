"""Login sessions and one-time login links of users."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from plughub.domain.clock import isoformat
from plughub.domain.errors import ConflictError, NotFoundError
from plughub.domain.events import EventKind
from plughub.domain.sessions import LoginSession
from plughub.domain.timings import LOGIN_LINK_SECONDS
from plughub.domain.words import _
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.web.addresses import absolute
from plughub.web.api.base import APIHandler
from plughub.web.authorization import of_user, requires
from plughub.web.bodies import NUMBER
from plughub.web.description import call

MAX_DIGITS: Final = 18
"""Digits of a 64-bit key."""


class SessionsHandler(APIHandler):
    """``/hub/api/users/:name/sessions``."""

    @call(errors=(404,))
    @requires("read:tokens", about=of_user)
    async def get(self, name: str) -> None:
        """List the login sessions of a user, last used first."""
        user = await self.find_user(name)
        here = self.visitor.session
        found = await self.services.sessions.of_user(user)
        self.answer({"sessions": [_model(session, here) for session in found]})

    @call(success=(204,), errors=(404,))
    @requires("tokens", about=of_user)
    async def delete(self, name: str) -> None:
        """Sign a user out everywhere: end all login sessions and revoke the tokens issued in them."""
        user = await self.find_user(name)
        await self.services.sessions.end_all(user)
        is_own = self.visitor.is_user and self.visitor.name == user.name
        if is_own:
            self.emit_event(EventKind.LOGOUT, user.name, everywhere=True)
        else:
            self.emit_event("end-sessions", user.name)
        self.answer_nothing(HTTPStatus.NO_CONTENT)


class SessionHandler(APIHandler):
    """``/hub/api/users/:name/sessions/:session``."""

    @call(success=(204,), errors=(404,))
    @requires("tokens", about=of_user)
    async def delete(self, name: str, session: str) -> None:
        """Sign a user out in one browser: end the session and revoke the tokens issued in it."""
        user = await self.find_user(name)
        number = session.removeprefix("s")
        is_number = number.isascii() and number.isdigit() and len(number) <= MAX_DIGITS
        if number == session or not is_number or not await self.services.sessions.end(user, int(number)):
            raise NotFoundError(f"session not found: {session[:20]}")
        self.emit_event("end-session", user.name, session=session)
        self.answer_nothing(HTTPStatus.NO_CONTENT)


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


def _model(session: LoginSession, here: LoginSession | None) -> dict[str, Any]:
    return {
        "id": f"s{session.id}",
        "plugin": session.plugin,
        "created": _moment(session.created),
        "authenticated_at": _moment(session.authenticated_at),
        "last_activity": _moment(session.seen),
        "expires_at": _moment(session.expires),
        "agent": session.agent,
        "address": session.address,
        "current": here is not None and here.id == session.id,
    }


def _moment(seconds: float) -> str | None:
    return isoformat(datetime.fromtimestamp(seconds, UTC))
