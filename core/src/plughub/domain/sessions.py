"""Login sessions: what a login cookie names, and what is stored of it.

The cookie holds a random key, signed; the database holds a hash of the key. Neither alone opens a session.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from dataclasses import dataclass, field
from typing import Final

from plughub.domain.ip_addresses import parse_address

MAX_SESSIONS: Final = 100
"""Sessions that one user may have; with one more, those that were not used for longest end."""
SEEN_SECONDS: Final = 300
"""The last use of a session is stored again after this time."""
MAX_AGENT: Final = 60
KEY_MARK: Final = "session:"
"""Begins what a login cookie holds. Cookies of JupyterHub hold a ``cookie_id``, which has no colon."""
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
    """A login session, as stored. Times are seconds since the epoch.

    Attributes:
        id: key of the row; the API calls it ``s<id>``.
        user_id: key of the user.
        session_id: what the session cookie of servers holds; tokens that servers got in it end with it.
        plugin: the plugin that authenticated; empty for a cookie of a JupyterHub that was taken over.
        created: when it began.
        authenticated_at: when the user last proved who they are.
        seen: when it was used last, to `SEEN_SECONDS`.
        expires: when it ends.
        agent: browser and system, short.
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
    """A login cookie whose signature is good.

    Attributes:
        key: names the session.
        cookie_id: what it held when JupyterHub made it; empty for a cookie that names a session.
        made_at: when it was made, in seconds since the epoch.
        outdated: it is to be replaced by one of the present form.
    """

    key: str = field(repr=False)
    cookie_id: str = field(default="", repr=False)
    made_at: float = 0
    outdated: bool = False

    @property
    def hashed(self) -> str:
        """What is stored of the key."""
        return hash_session_key(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The browser that a request comes from.

    Attributes:
        agent: its ``User-Agent`` header.
        remote_ip: its address.
        session_id: what its session cookie holds; empty when it has none.
    """

    agent: str = ""
    remote_ip: str = ""
    session_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """The session that is to begin with a login.

    Attributes:
        agent: ``User-Agent`` header of the browser.
        before: session of the browser, which ends then. Tokens that servers got in it go on with the new
            one when it is the same user.
        keep: store a session; not for a login that one request makes for itself.
        only: name of the only user who may log in; empty for anybody.
    """

    agent: str = ""
    before: LoginSession | None = None
    keep: bool = True
    only: str = ""


NEW_SESSION: Final = SessionRequest()


def new_session_key() -> str:
    """Make the key of a session.

    Returns:
        `KEY_MARK`, followed by characters that need no escape.
    """
    return KEY_MARK + secrets.token_urlsafe(KEY_BYTES)


def hash_session_key(key: str) -> str:
    """Hash the key of a session; it cannot be guessed, so that it needs no salt.

    Args:
        key: as the cookie holds it.

    Returns:
        64 hexadecimal digits.
    """
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def login_cookie(value: str, text: str, made_at: float) -> LoginCookie:
    """Read a login cookie, of this hub or of a JupyterHub.

    A cookie of a JupyterHub always leads to the same key, so that it opens one session at most.

    Args:
        value: what was signed.
        text: the whole cookie, with its signature.
        made_at: when it was signed, in seconds since the epoch.

    Returns:
        The cookie.
    """
    if value.startswith(KEY_MARK):
        return LoginCookie(key=value, made_at=made_at)
    key = f"{KEY_MARK}{hashlib.sha256(text.encode(errors='replace')).hexdigest()}"
    return LoginCookie(key=key, cookie_id=value, made_at=made_at, outdated=True)


def short_agent(agent: str) -> str:
    """Shorten the name of a browser to what its user knows it by.

    Args:
        agent: a ``User-Agent`` header.

    Returns:
        Such as ``Firefox on Linux``; the first word for anything else.
    """
    browser = next((name for mark, name in _BROWSERS.items() if f"{mark}/" in agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), "")
    first = "".join(filter(str.isprintable, agent.partition(" ")[0].partition("/")[0]))[:MAX_AGENT]
    return f"{browser} on {system}" if browser and system else browser or first


def short_address(address: str) -> str:
    """Shorten an address to its network.

    Args:
        address: of a browser.

    Returns:
        The first 24 bits of an IPv4 address or 48 of an IPv6 address; empty for anything else.
    """
    known = parse_address(address)
    if known is None:
        return ""
    return str(ipaddress.ip_network((known, 24 if known.version == 4 else 48), strict=False))  # noqa: PLR2004
