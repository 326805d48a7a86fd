"""The hub's cookies: names, paths and attributes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from http.cookies import Morsel, SimpleCookie
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from plughub.domain.origins import host_of
from plughub.domain.sessions import LoginCookie, LoginSession, login_cookie
from plughub.domain.timings import ANONYMOUS_XSRF_SECONDS, DAY
from plughub.web.protocol import LOGIN_COOKIE, OLD_SERVICES_COOKIE, SESSION_COOKIE, XSRF_COOKIE
from plughub.web.request_cookies import cookie_domains, cookie_paths, cookie_values

if TYPE_CHECKING:
    from plughub.web.base import BaseHandler

HOST: Final = "__Host-"
MAX_PATHS: Final = 12
MAX_DOMAINS: Final = 4
_PAST: Final = "Thu, 01 Jan 1970 00:00:00 GMT"
_HOST_PREFIX_ATTRIBUTES: Final[Mapping[str, Any]] = {"path": "/", "secure": True}
"""Attributes that browsers require of cookies with the prefix ``__Host-``."""


class CookieJar:
    """Cookies of one request and its response."""

    def __init__(self, handler: BaseHandler) -> None:
        self._handler = handler
        self._session_id = ""
        self._cleared = False
        self._deletions: dict[tuple[str, str, str], str] = {}
        self.is_ambiguous = False
        """The request has several login cookies, so none of them is accepted."""

    @property
    def _settings(self) -> Any:
        return self._handler.services.settings

    @property
    def login_name(self) -> str:
        """Return the name of the login cookie."""
        return f"{HOST}{self._plain_name}" if self._settings.host_prefix else self._plain_name

    @property
    def _plain_name(self) -> str:
        """Return the name of the login cookie without the prefix ``__Host-``."""
        return f"{LOGIN_COOKIE}{self._settings.cookie_suffix}"

    @property
    def session_id(self) -> str:
        """Return the session id of the login, else the one that the browser sent, else an empty string."""
        if self._cleared:
            return ""
        return self._session_id or self._handler.get_cookie(SESSION_COOKIE) or ""

    def login(self) -> LoginCookie | None:
        """Return the login cookie; None when it is missing, forged, expired or sent more than once.

        Of several login cookies all but one were set by another party, such as the page of a server or a
        neighbouring host, so none of them is accepted.
        """
        request = self._handler.request
        for name in dict.fromkeys((self.login_name, self._plain_name)):
            sent = cookie_values(request, name)
            if len(sent) > 1:
                self.is_ambiguous = True
                return None
            if sent:
                found = self.read_login(sent[0], name)
                return found if name == self.login_name else self._accept_legacy(found)
        return None

    def _accept_legacy(self, found: LoginCookie | None) -> LoginCookie | None:
        """Accept a cookie without the prefix that was set before the hub used the prefix.

        A neighbouring host can set a cookie of its own session under this name. Newer cookies are therefore
        refused, and all of them once the ones from before have expired.
        """
        if found is None or found.made_at >= self._handler.context.options.host_cookies_since:
            return None
        return replace(found, outdated=True)

    def read_login(self, text: str, name: str = "") -> LoginCookie | None:
        """Verify and parse a signed login cookie; return None when it is forged or expired.

        Args:
            text: the signed cookie, from a cookie header or an API request.
            name: name of the cookie; empty for the current one.
        """
        days = self._settings.cookie_max_age / DAY
        name = name or self.login_name
        held = self._handler.get_signed_cookie(name, text, max_age_days=days, min_version=2) if text else None
        return login_cookie(held.decode(errors="replace"), text, _signed_at(text)) if held else None

    def log_in(self, key: str, session: LoginSession) -> None:
        """Set the cookies of a login session."""
        days = (session.expires - time.time()) / DAY
        attributes = {"expires_days": days, **self._attributes(), "path": self._settings.hub_prefix}
        if self._settings.host_prefix:
            attributes |= _HOST_PREFIX_ATTRIBUTES
            attributes.pop("domain", None)
            if cookie_values(self._handler.request, self._plain_name):
                self._clear_everywhere(self._plain_name)
        self._handler.set_signed_cookie(self.login_name, key, **attributes)
        self.bind_session(session)

    def bind_session(self, session: LoginSession) -> None:
        """Set the session cookie to the id of the login session, whatever the browser sent."""
        self._session_id = session.session_id
        if session.session_id not in cookie_values(self._handler.request, SESSION_COOKIE):
            self._handler.set_cookie(SESSION_COOKIE, session.session_id, **self._session_attributes())

    def set_xsrf(self, token: bytes, *, lasting: bool) -> None:
        """Set the XSRF cookie.

        Args:
            token: the token.
            lasting: keep the cookie until the browser is closed; else for an hour.
        """
        if self._handler.is_from_foreign_origin or not self._handler.is_at_hub:
            return  # else a page of a server could replace the token of an open form
        attributes = {
            "path": self._settings.hub_prefix,
            "samesite": "Lax",
            **self._secure(),
            **self._script_protection(),
            **_lower(self._handler.context.options.xsrf_cookie),
        }
        if not lasting:
            attributes = {name: value for name, value in attributes.items() if not name.startswith("expires")}
            attributes["max_age"] = ANONYMOUS_XSRF_SECONDS
        self._handler.set_cookie(self.xsrf_name, token, **attributes)

    def _script_protection(self) -> dict[str, Any]:
        """Return attributes that hide a cookie from scripts on other ports, which share the hub's cookies."""
        return {"httponly": True} if self._settings.origins.by_port else {}

    def clear(self) -> None:
        """Clear all cookies of a login."""
        clear = self._handler.clear_cookie
        domain = self._attributes().get("domain")
        if self._settings.host_prefix:
            clear(self.login_name, **_HOST_PREFIX_ATTRIBUTES)
        for place in (self._settings.base_url, "/"):
            self._clear(self._plain_name, place, domain)
        clear(self._plain_name, path=self._settings.hub_prefix, domain=domain)
        clear(SESSION_COOKIE, path=self._settings.base_url, domain=self._session_attributes().get("domain"))
        xsrf = _lower(self._handler.context.options.xsrf_cookie)
        clear(self.xsrf_name, path=xsrf.get("path", self._settings.hub_prefix), domain=xsrf.get("domain"))
        clear(OLD_SERVICES_COOKIE, path=f"{self._settings.base_url}services")
        self._cleared = True

    def drop_new(self) -> None:
        """Discard the cookies that this response would set."""
        new: dict[str, Morsel[str]] | None = getattr(self._handler, "_new_cookie", None)
        if new:
            new.clear()
        self._deletions.clear()

    def finish(self) -> None:
        """Add the headers that clear cookies, just before the response is sent."""
        if self.is_ambiguous:
            self._clear_everywhere(self._plain_name)
        for line in self._deletions.values():
            self._handler.add_header("Set-Cookie", line)
        self._deletions.clear()

    def _clear_everywhere(self, name: str) -> None:
        """Clear a cookie for every path and domain for which it can have been set."""
        request = self._handler.request
        places = dict.fromkeys(
            (self._settings.hub_prefix, self._settings.base_url, *cookie_paths(request.path)[:MAX_PATHS])
        )
        domains = [None, *cookie_domains(request.host_name)[:MAX_DOMAINS]]
        for place, domain in product(places, domains):
            self._clear(name, place, domain)

    def _clear(self, name: str, path: str, domain: str | None) -> None:
        # tornado allows only one cookie of each name in a response.
        deletion: SimpleCookie = SimpleCookie({name: ""})
        deletion[name].update({"path": path, "expires": _PAST, **({"domain": domain} if domain else {})})
        self._deletions[name, path, domain or ""] = deletion[name].OutputString()

    @property
    def xsrf_name(self) -> str:
        """Return the name of the XSRF cookie."""
        return f"{XSRF_COOKIE}{self._settings.cookie_suffix}"

    def _session_attributes(self) -> dict[str, Any]:
        """Return the attributes of the session cookie, by which servers notice a logout and which
        grants no access.
        """
        host = host_of(self._settings.origins.hub)
        to_users = {"domain": host} if self._settings.origins.alone and "." in host else {}
        return {**to_users, **self._attributes(), "path": self._settings.base_url}

    def _attributes(self) -> dict[str, Any]:
        attributes = {"httponly": True, "samesite": "Lax", **self._secure()}
        return {**attributes, **_lower(self._settings.cookie_options)}

    def _secure(self) -> dict[str, Any]:
        return {"secure": True} if self._handler.is_secure else {}


def _signed_at(text: str) -> float:
    """Return when a verified cookie was signed, in seconds since the epoch."""
    seconds = text.split("|")[2].partition(":")[2]
    return float(seconds) if seconds.isascii() and seconds.isdigit() else 0.0


def _lower(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return cookie attributes with lower-case names: ``SameSite`` and ``samesite`` are the same."""
    return {name.lower(): value for name, value in attributes.items()}
