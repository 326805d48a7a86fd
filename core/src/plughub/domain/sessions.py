"""Login sessions, their cookies and stored records.

The cookie contains a random, signed key; the database contains a hash of the key. Neither alone gives access
to a session.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from dataclasses import dataclass, field
from typing import Final

from plughub.domain.ip_addresses import parse_address

MAX_SESSIONS: Final = 100
"""Sessions per user; if there are more, the least recently used ones end."""
MAX_AGENT: Final = 60
KEY_MARK: Final = "session:"
"""Prefix of keys in login cookies. Cookies of JupyterHub contain a ``cookie_id``, which has no colon."""
KEY_BYTES: Final = 32
_BROWSERS: Final = {
    "Edg": "Edge",
    "OPR": "Opera",
    "Firefox": "Firefox",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
_SYSTEMS: Final = {
    "Android": "Android",
    "iPhone": "iOS",
    "iPad": "iPadOS",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSession:
    """Stored login session. Times are seconds since the epoch.

    Attributes:
        id: key of the row; the API calls it ``s<id>``.
        user_id: key of the user.
        session_id: value of the session cookie for servers; tokens issued to servers in this session end with
            it.
        plugin: the authenticator; empty for an adopted cookie of a JupyterHub.
        created: start of the session.
        authenticated_at: time of the user's last authentication.
        seen: time of last use, accurate to `SESSION_SEEN_SECONDS`.
        expires: expiry.
        agent: short names of browser and system.
        address: network of the browser, without its last part.
    """

    id: int
    user_id: int
    session_id: str = field(repr=False)
    plugin: str = ""
    created: float
    authenticated_at: float
    seen: float
    expires: float
    agent: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginCookie:
    """Login cookie with a valid signature.

    Attributes:
        key: key of the session.
        cookie_id: its content if JupyterHub made it; empty for a cookie with a session key.
        made_at: time of creation, in seconds since the epoch.
        outdated: whether to replace it by a cookie in the current form.
    """

    key: str = field(repr=False)
    cookie_id: str = field(default="", repr=False)
    made_at: float = 0
    outdated: bool = False

    @property
    def hashed(self) -> str:
        """Stored hash of the key."""
        return hash_session_key(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Browser of a request.

    Attributes:
        agent: its ``User-Agent`` header.
        remote_ip: its address.
        session_id: value of its session cookie; empty if it has none.
    """

    agent: str = ""
    remote_ip: str = ""
    session_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """Parameters of the session that begins with a login.

    Attributes:
        agent: ``User-Agent`` header of the browser.
        before: the browser's current session, which the login ends. Its tokens for servers move to the new
            session if it belongs to the same user.
        keep: whether to store a session; False for a login for one request only.
        only: name of the only user who may log in; empty for any user.
    """

    agent: str = ""
    before: LoginSession | None = None
    keep: bool = True
    only: str = ""


NEW_SESSION: Final = SessionRequest()


def new_session_key() -> str:
    """Return a new random session key: `KEY_MARK` followed by URL-safe characters."""
    return KEY_MARK + secrets.token_urlsafe(KEY_BYTES)


def hash_session_key(key: str) -> str:
    """Return the hash of a session key, without salt because the key cannot be guessed."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def login_cookie(value: str, text: str, made_at: float) -> LoginCookie:
    """Parse a login cookie of this hub or of a JupyterHub.

    A cookie of a JupyterHub always maps to the same key, so that it opens at most one session.

    Args:
        value: the signed value.
        text: the whole cookie, with its signature.
        made_at: time of the signature, in seconds since the epoch.
    """
    if value.startswith(KEY_MARK):
        return LoginCookie(key=value, made_at=made_at)
    key = f"{KEY_MARK}{hashlib.sha256(text.encode(errors='replace')).hexdigest()}"
    return LoginCookie(key=key, cookie_id=value, made_at=made_at, outdated=True)


def short_agent(agent: str) -> str:
    """Return a recognizable name for a ``User-Agent`` header.

    Returns:
        Such as ``Firefox on Linux``; the first word for an unknown browser.
    """
    browser = next((name for mark, name in _BROWSERS.items() if f"{mark}/" in agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), "")
    first = "".join(filter(str.isprintable, agent.partition(" ")[0].partition("/")[0]))[:MAX_AGENT]
    return f"{browser} on {system}" if browser and system else browser or first


def short_address(address: str) -> str:
    """Return the /24 or /48 network of an address; empty if it is invalid."""
    known = parse_address(address)
    if known is None:
        return ""
    return str(ipaddress.ip_network((known, 24 if known.version == 4 else 48), strict=False))  # noqa: PLR2004
