"""The hub's cookies: one place for their names, paths and attributes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from http.cookies import Morsel, SimpleCookie
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from plughub.domain.origins import host_of
from plughub.domain.sessions import LoginCookie, LoginSession, login_cookie
from plughub.web.protocol import LOGIN_COOKIE, OLD_SERVICES_COOKIE, SESSION_COOKIE, XSRF_COOKIE
from plughub.web.request_cookies import domains_of, places_of, values_of
from plughub.web.xsrf import ANONYMOUS_SECONDS

if TYPE_CHECKING:
    from plughub.web.base import BaseHandler

DAY: Final = 86400
HOST: Final = "__Host-"
MAX_PLACES: Final = 12
MAX_DOMAINS: Final = 4
_PAST: Final = "Thu, 01 Jan 1970 00:00:00 GMT"
_OF_HOST: Final[Mapping[str, Any]] = {"path": "/", "secure": True}
"""What browsers ask of a cookie whose name begins so."""


class CookieJar:
    """The cookies of one request and its answer.

    Args:
        handler: of the request.
    """

    def __init__(self, handler: BaseHandler) -> None:
        self._handler = handler
        self._session_id = ""
        self._cleared = False
        self._gone: dict[tuple[str, str, str], str] = {}
        self.tossed = False
        """Whether the request came with several login cookies, so that none counts."""

    @property
    def _settings(self) -> Any:
        return self._handler.services.settings

    @property
    def login_name(self) -> str:
        """Name of the login cookie."""
        return f"{HOST}{self._plain_name}" if self._settings.host_prefix else self._plain_name

    @property
    def _plain_name(self) -> str:
        """Name of the login cookie without a prefix."""
        return f"{LOGIN_COOKIE}{self._settings.cookie_suffix}"

    @property
    def session_id(self) -> str:
        """What the session cookie holds: that of the login, else what the browser sent; empty for nothing."""
        if self._cleared:
            return ""
        return self._session_id or self._handler.get_cookie(SESSION_COOKIE) or ""

    def login(self) -> LoginCookie | None:
        """Read the login cookie.

        Of several cookies with its name, all but one were set by somebody else, such as the page of a server
        or a neighbouring host: none counts.

        Returns:
            The cookie; None when it is missing, forged, too old, or one of several.
        """
        request = self._handler.request
        for name in dict.fromkeys((self.login_name, self._plain_name)):
            sent = values_of(request, name)
            if len(sent) > 1:
                self.tossed = True
                return None
            if sent:
                found = self.read_login(sent[0], name)
                return found if name == self.login_name else self._of_before(found)
        return None

    def _of_before(self, found: LoginCookie | None) -> LoginCookie | None:
        """Accept a cookie without the prefix that was made before the hub used it.

        A neighbouring host can set a cookie of its own session under this name. So one that is newer never
        counts, and none does any more when all from before have expired.
        """
        if found is None or found.made_at >= self._handler.context.options.host_cookies_since:
            return None
        return replace(found, outdated=True)

    def read_login(self, text: str, name: str = "") -> LoginCookie | None:
        """Read a login cookie that was sent somehow.

        Args:
            text: the signed cookie.
            name: of the cookie; empty for the present one.

        Returns:
            The cookie; None when it is forged or too old.
        """
        days = self._settings.cookie_max_age / DAY
        name = name or self.login_name
        held = self._handler.get_signed_cookie(name, text, max_age_days=days, min_version=2) if text else None
        return login_cookie(held.decode(errors="replace"), text, _signed_at(text)) if held else None

    def log_in(self, key: str, session: LoginSession) -> None:
        """Set the cookies of a session.

        Args:
            key: of the session.
            session: as it is stored.
        """
        days = (session.expires - time.time()) / DAY
        kept = {"expires_days": days, **self._kept(), "path": self._settings.hub_prefix}
        if self._settings.host_prefix:
            kept |= _OF_HOST
            kept.pop("domain", None)
            if values_of(self._handler.request, self._plain_name):
                self._clear_everywhere(self._plain_name)
        self._handler.set_signed_cookie(self.login_name, key, **kept)
        self.belong_to(session)

    def belong_to(self, session: LoginSession) -> None:
        """Have the session cookie of servers hold what belongs to a login, whatever the browser sent.

        Args:
            session: of the login.
        """
        self._session_id = session.session_id
        if session.session_id not in values_of(self._handler.request, SESSION_COOKIE):
            self._handler.set_cookie(SESSION_COOKIE, session.session_id, **self._of_session())

    def set_xsrf(self, token: bytes, *, lasting: bool) -> None:
        """Set the cookie that protects forms.

        Args:
            token: the token.
            lasting: for as long as the browser is open; else for an hour.
        """
        if self._handler.is_from_server or not self._handler.is_at_hub:
            return  # a page of a server would take the token of an open form out of use
        attributes = {
            "path": self._settings.hub_prefix,
            "samesite": "Lax",
            **self._secure(),
            **self._unread(),
            **_lower(self._handler.context.options.xsrf_cookie),
        }
        if not lasting:
            attributes = {name: value for name, value in attributes.items() if not name.startswith("expires")}
            attributes["max_age"] = ANONYMOUS_SECONDS
        self._handler.set_cookie(self.xsrf_name, token, **attributes)

    def _unread(self) -> dict[str, Any]:
        """Keep scripts of another port, to which browsers show the same cookies, from reading a cookie."""
        return {"httponly": True} if self._settings.origins.by_port else {}

    def clear(self) -> None:
        """Clear everything that a login set."""
        clear = self._handler.clear_cookie
        domain = self._kept().get("domain")
        if self._settings.host_prefix:
            clear(self.login_name, **_OF_HOST)
        for place in (self._settings.base_url, "/"):
            self._clear(self._plain_name, place, domain)
        clear(self._plain_name, path=self._settings.hub_prefix, domain=domain)
        clear(SESSION_COOKIE, path=self._settings.base_url, domain=self._of_session().get("domain"))
        xsrf = _lower(self._handler.context.options.xsrf_cookie)
        clear(self.xsrf_name, path=xsrf.get("path", self._settings.hub_prefix), domain=xsrf.get("domain"))
        clear(OLD_SERVICES_COOKIE, path=f"{self._settings.base_url}services")
        self._cleared = True

    def drop_new(self) -> None:
        """Take back what this answer would have set."""
        new: dict[str, Morsel[str]] | None = getattr(self._handler, "_new_cookie", None)
        if new:
            new.clear()
        self._gone.clear()

    def finish(self) -> None:
        """Clear login cookies that count for nothing, wherever they were set, just before the answer goes."""
        if self.tossed:
            self._clear_everywhere(self._plain_name)
        for line in self._gone.values():
            self._handler.add_header("Set-Cookie", line)
        self._gone.clear()

    def _clear_everywhere(self, name: str) -> None:
        """Clear a cookie for every path and domain from which this request can have got it."""
        request = self._handler.request
        places = dict.fromkeys(
            (self._settings.hub_prefix, self._settings.base_url, *places_of(request.path)[:MAX_PLACES])
        )
        domains = [None, *domains_of(request.host_name)[:MAX_DOMAINS]]
        for place, domain in product(places, domains):
            self._clear(name, place, domain)

    def _clear(self, name: str, path: str, domain: str | None) -> None:
        # tornado keeps one cookie of a name in an answer.
        gone: SimpleCookie = SimpleCookie({name: ""})
        gone[name].update({"path": path, "expires": _PAST, **({"domain": domain} if domain else {})})
        self._gone[name, path, domain or ""] = gone[name].OutputString()

    @property
    def xsrf_name(self) -> str:
        """Name of the cookie that protects forms."""
        return f"{XSRF_COOKIE}{self._settings.cookie_suffix}"

    def _of_session(self) -> dict[str, Any]:
        """Attributes of the session cookie, by which servers notice a logout: it opens nothing by itself."""
        host = host_of(self._settings.origins.hub)
        to_users = {"domain": host} if self._settings.origins.alone and "." in host else {}
        return {**to_users, **self._kept(), "path": self._settings.base_url}

    def _kept(self) -> dict[str, Any]:
        kept = {"httponly": True, "samesite": "Lax", **self._secure()}
        return {**kept, **_lower(self._settings.cookie_options)}

    def _secure(self) -> dict[str, Any]:
        return {"secure": True} if self._handler.is_secure else {}


def _signed_at(text: str) -> float:
    """Tell when a cookie was signed, in seconds since the epoch; its signature is good."""
    seconds = text.split("|")[2].partition(":")[2]
    return float(seconds) if seconds.isascii() and seconds.isdigit() else 0.0


def _lower(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Give attributes of a cookie one spelling: ``SameSite`` and ``samesite`` are the same."""
    return {name.lower(): value for name, value in attributes.items()}
