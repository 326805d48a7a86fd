"""The hub's cookies: one place for their names, paths and attributes."""

from __future__ import annotations

import uuid
from http.cookies import Morsel
from typing import TYPE_CHECKING, Any, Final

from plughub.domain.users import User
from plughub.web.protocol import LOGIN_COOKIE, OLD_SERVICES_COOKIE, SESSION_COOKIE, XSRF_COOKIE
from plughub.web.xsrf import ANONYMOUS_SECONDS

if TYPE_CHECKING:
    from plughub.web.base import BaseHandler

DAY: Final = 86400


class CookieJar:
    """The cookies of one request and its answer.

    Args:
        handler: of the request.
    """

    def __init__(self, handler: BaseHandler) -> None:
        self._handler = handler
        self._new_session = ""
        self._cleared = False

    @property
    def _settings(self) -> Any:
        return self._handler.context.settings

    @property
    def session_id(self) -> str:
        """The login session of the browser; empty when there is none."""
        if self._cleared:
            return ""
        return self._new_session or self._handler.get_cookie(SESSION_COOKIE) or ""

    def cookie_id(self) -> str:
        """Read the login cookie.

        Returns:
            What it holds; empty when it is missing, forged or too old.
        """
        if LOGIN_COOKIE not in self._handler.request.headers.get("Cookie", ""):
            return ""
        return self.read_login(None)

    def read_login(self, text: str | None) -> str:
        """Read a login cookie that was sent somehow.

        Args:
            text: the signed cookie; None for that of the request.

        Returns:
            What it holds; empty when it is forged or too old.
        """
        days = self._settings.cookie_max_age / DAY
        held = self._handler.get_signed_cookie(LOGIN_COOKIE, text, max_age_days=days, min_version=2)
        return held.decode(errors="replace") if held else ""

    def log_in(self, user: User, session_id: str = "") -> None:
        """Set the cookies of somebody who logged in.

        Args:
            user: who.
            session_id: the new session; empty to keep the one that the browser has.
        """
        days = self._settings.cookie_max_age / DAY
        self._handler.set_signed_cookie(
            LOGIN_COOKIE, user.cookie_id, expires_days=days, path=self._settings.hub_prefix, **self._kept()
        )
        if session_id or not self.session_id:
            self.new_session(session_id)

    def new_session(self, session_id: str = "") -> None:
        """Begin a login session in this browser.

        Args:
            session_id: the session; a new one when empty.
        """
        self._new_session = session_id or uuid.uuid4().hex
        self._handler.set_cookie(
            SESSION_COOKIE, self._new_session, path=self._settings.base_url, **self._kept()
        )

    def set_xsrf(self, token: bytes, *, lasting: bool) -> None:
        """Set the cookie that protects forms.

        Args:
            token: the token.
            lasting: for as long as the browser is open; else for an hour.
        """
        attributes: dict[str, Any] = {} if lasting else {"max_age": ANONYMOUS_SECONDS}
        self._handler.set_cookie(XSRF_COOKIE, token, path=self._settings.hub_prefix, **attributes)

    def clear(self) -> None:
        """Clear everything that a login set."""
        clear = self._handler.clear_cookie
        clear(LOGIN_COOKIE, path=self._settings.hub_prefix)
        clear(SESSION_COOKIE, path=self._settings.base_url)
        clear(XSRF_COOKIE, path=self._settings.hub_prefix)
        clear(OLD_SERVICES_COOKIE, path=f"{self._settings.base_url}services")
        self._cleared = True

    def drop_new(self) -> None:
        """Take back what this answer would have set."""
        self._new_session = ""
        new: dict[str, Morsel[str]] | None = getattr(self._handler, "_new_cookie", None)
        if new:
            new.clear()

    def _kept(self) -> dict[str, Any]:
        secure = self._handler.context.secure_cookies or self._handler.request.protocol == "https"
        return {"httponly": True, "samesite": "Lax", **({"secure": True} if secure else {})}
