"""Protection against requests that another site makes a browser send.

The token is a signed id: of login session and user, or of session and browser while nobody is logged in.
It stands in a cookie and must come back in the request. Single-user servers use the same name for a cookie
of their own path, so several may arrive: those count that we signed for this session.

Source: the behaviour of JupyterHub 6, whose tokens and cookies stay valid.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tornado.httputil import HTTPServerRequest
from tornado.web import create_signed_value, decode_signed_value

from plughub.domain.errors import ForbiddenError
from plughub.domain.urls import guess_base_url
from plughub.web.protocol import XSRF_COOKIE

MAX_AGE_DAYS: Final = 31
ANONYMOUS_SECONDS: Final = 3600
_LEADING: Final = frozenset({"next", "_xsrf"})
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UNKNOWN: Final = "unspecified"


def anonymous_id(request: HTTPServerRequest) -> str:
    """Tell browsers apart while nobody is logged in.

    Args:
        request: the request.

    Returns:
        A text that stays the same for some minutes and is shared by few.
    """
    agent = request.headers.get("User-Agent", "").encode(errors="replace")
    digest = hashlib.sha256((request.remote_ip or "").encode() + agent + b"\xff").digest()
    return base64.urlsafe_b64encode(digest).decode()


def make_token(secret: bytes, token_id: bytes) -> bytes:
    """Make a token.

    Args:
        secret: signs it.
        token_id: what it is bound to.

    Returns:
        Characters that need no escape.
    """
    return base64.urlsafe_b64encode(create_signed_value(secret, XSRF_COOKIE, token_id)).rstrip(b"=")


def tokens_in_cookies(values: Iterable[str], secret: bytes, token_id: bytes) -> list[bytes]:
    """List the tokens among the cookies that we signed and that are bound to a session.

    Pages of servers and neighbouring hosts can set cookies of that name, also with a token that we signed
    for another session: these are passed over.

    Args:
        values: of the cookies with the name of the token.
        secret: that signed them.
        token_id: what they have to be bound to.

    Returns:
        The tokens, in the order in which they were sent.
    """
    texts = (value for value in values if value.isascii())
    return [text.encode() for text in texts if _read(text.encode(), secret) == token_id]


def is_of_login_form(token: str, secret: bytes, request: HTTPServerRequest) -> bool:
    """Tell whether a token was made for this browser while nobody was logged in.

    Args:
        token: what the form sent.
        secret: that signed it.
        request: the request.

    Returns:
        True also when the cookie beside it is gone, as after a login in another tab.
    """
    token_id = _read(token.encode(), secret) if token.isascii() else None
    return token_id is not None and token_id.endswith(f":{anonymous_id(request)}".encode())


def is_navigation(request: HTTPServerRequest) -> bool:
    """Tell whether a browser opens a page; old ones and those without https do not say.

    Args:
        request: the request.

    Returns:
        True when it does, or does not say.
    """
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


def is_from_elsewhere(request: HTTPServerRequest) -> bool:
    """Tell whether another site made the browser send a request.

    Args:
        request: the request.

    Returns:
        True when the browser says so.
    """
    return request.headers.get("Sec-Fetch-Site", "") in {"cross-site", "same-site"}


def led_by_hub(request: HTTPServerRequest) -> bool:
    """Tell whether a page of the hub's own origin led the browser to an address.

    Args:
        request: the request.

    Returns:
        True when the browser says so; over plain http to other machines it does not, and the address of the
        page before is taken for it. False without any proof.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    before = request.headers.get("Referer", "")
    return bool(before) and guess_base_url(before).lower().partition("//")[2] == request.host.lower()


def is_handed_on(request: HTTPServerRequest, base_url: str) -> bool:
    """Tell whether the page that led to an address may only have handed on what its own address says.

    The page to log in leads to what stands in ``next``, and hands on its query; both may come from anywhere.
    An address of a server in ``next`` is what users want to see after a start, and leads nowhere else.

    Args:
        request: the request.
        base_url: of the hub.

    Returns:
        True when the page before leads elsewhere or was asked with a parameter that stands in this address
        too, or when only its origin is named, as for a long address.
    """
    try:
        before = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return True
    if before.netloc and before.path in {"", "/"}:
        return True
    asked = parse_qs(before.query, keep_blank_values=True)
    if (asked.keys() - _LEADING) & parse_qs(request.query, keep_blank_values=True).keys():
        return True
    return not all(_is_of_server(wanted, base_url) for wanted in asked.get("next", ()))


def _is_of_server(path: str, base_url: str) -> bool:
    dots = ".." in path or "%2e" in path.lower()
    return path.startswith((f"{base_url}user/", f"{base_url}services/")) and not dots


def is_typed(request: HTTPServerRequest) -> bool:
    """Tell whether a user opened an address themselves, by hand or as a bookmark.

    Args:
        request: the request.

    Returns:
        True when the browser says so.
    """
    return request.headers.get("Sec-Fetch-Site") == "none"


def is_opened_by_user(request: HTTPServerRequest) -> bool:
    """Tell whether a user opened a page, rather than a program that looks ahead or shows a preview of a link.

    Args:
        request: the request.

    Returns:
        True when the browser says so. False for browsers that do not: old ones, and all of them over plain
        http to other machines.
    """
    sent = request.headers
    return (
        sent.get("Sec-Fetch-Mode") == "navigate"
        and sent.get("Sec-Fetch-Dest") == "document"
        and sent.get("Sec-Fetch-User") == "?1"
    )


def needs_token(request: HTTPServerRequest) -> bool:
    """Tell whether a request with a login cookie needs a token.

    Args:
        request: the request.

    Returns:
        False for looking at pages and for pictures of our own pages.
    """
    if request.method not in _READING:
        return True
    mode = request.headers.get("Sec-Fetch-Mode", UNKNOWN)
    if mode in {"navigate", "websocket", UNKNOWN}:
        return False
    # The asking page does not get to see the answer.
    return not (mode == "no-cors" and request.headers.get("Sec-Fetch-Site") == "same-origin")


def check_token(request: HTTPServerRequest, sent: str | None, held: Collection[bytes]) -> None:
    """Check the token of a request.

    Args:
        request: the request.
        sent: the token that came with it.
        held: those of the cookies that are good for this session; it has to be one of them.

    Raises:
        ForbiddenError: it is missing or wrong.
    """
    if not sent:
        raise ForbiddenError(f"'_xsrf' argument missing from {request.method}", hint=_HINT)
    text = sent.encode(errors="replace")
    if not any(hmac.compare_digest(text, token) for token in held):
        raise ForbiddenError(f"XSRF cookie does not match {request.method} argument", hint=_HINT)


_HINT: Final = "Load the page again and repeat what you did."


def _read(token: bytes, secret: bytes) -> bytes | None:
    try:
        signed = base64.urlsafe_b64decode(token + b"=" * (-len(token) % 4))
    except ValueError:
        return None
    return decode_signed_value(secret, XSRF_COOKIE, signed, max_age_days=MAX_AGE_DAYS, min_version=2)
