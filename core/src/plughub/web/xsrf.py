"""XSRF protection: refusal of requests that another site makes the browser send.

A token is a signed id: of login session and user, or of session and browser before a login. It is set as a
cookie and must come back in the request. Single-user servers use the same cookie name for paths of their own,
so a request may carry several tokens; those that the hub signed for this session are valid.

The scheme is that of JupyterHub 6, whose tokens and cookies stay valid.
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
from plughub.domain.timings import XSRF_DAYS
from plughub.domain.urls import guess_base_url
from plughub.domain.words import _
from plughub.web.protocol import XSRF_COOKIE

_ROUTING_PARAMETERS: Final = frozenset({"next", "_xsrf"})
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UNKNOWN: Final = "unspecified"


def anonymous_id(request: HTTPServerRequest) -> str:
    """Return an id for the browser of a request without a login, from its address and user agent.

    Browsers of the same kind behind one address share it.
    """
    agent = request.headers.get("User-Agent", "").encode(errors="replace")
    digest = hashlib.sha256((request.remote_ip or "").encode() + agent + b"\xff").digest()
    return base64.urlsafe_b64encode(digest).decode()


def make_token(secret: bytes, token_id: bytes) -> bytes:
    """Return a URL-safe token that is signed with `secret` and bound to `token_id`."""
    return base64.urlsafe_b64encode(create_signed_value(secret, XSRF_COOKIE, token_id)).rstrip(b"=")


def valid_tokens(values: Iterable[str], secret: bytes, token_id: bytes) -> list[bytes]:
    """Return the cookie values that the hub signed and that are bound to a session, in the order sent.

    Pages of servers and neighbouring hosts can set cookies with the same name, including tokens that the hub
    signed for another session. These are left out.
    """
    texts = (value for value in values if value.isascii())
    return [text.encode() for text in texts if _read(text.encode(), secret) == token_id]


def is_anonymous_token(token: str, secret: bytes, request: HTTPServerRequest) -> bool:
    """Return whether a token was made for this browser before a login.

    The cookie need not be present: a login in another tab clears it.
    """
    token_id = _read(token.encode(), secret) if token.isascii() else None
    return token_id is not None and token_id.endswith(f":{anonymous_id(request)}".encode())


def is_navigation(request: HTTPServerRequest) -> bool:
    """Return whether a browser opens a page; true also for browsers that send no ``Sec-Fetch-Mode``."""
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


def is_from_other_origin(request: HTTPServerRequest) -> bool:
    """Return whether the browser reports that a page of another site or origin made the request."""
    return request.headers.get("Sec-Fetch-Site", "") in {"cross-site", "same-site"}


def is_from_hub_page(request: HTTPServerRequest) -> bool:
    """Return whether a page of the hub's own origin led the browser to an address.

    Browsers report this over https. Over plain http to other machines they do not, and the referrer is used
    instead. Without either the result is False.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    before = request.headers.get("Referer", "")
    return bool(before) and guess_base_url(before).lower().partition("//")[2] == request.host.lower()


def may_be_passed_on(request: HTTPServerRequest, base_url: str) -> bool:
    """Return whether the page that led to an address may have taken it from its own address.

    The login page redirects to the address in ``next`` and passes its query on, and both may come from
    another site. A server's address in ``next`` is harmless: a server is opened after its start, and its page
    leads nowhere else.

    Args:
        request: the request.
        base_url: base URL of the hub.

    Returns:
        True when the previous page had another target in ``next``, or a query parameter that this address has
        too, or when the referrer names only an origin, as for long addresses.
    """
    try:
        before = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return True
    if before.netloc and before.path in {"", "/"}:
        return True
    query = parse_qs(before.query, keep_blank_values=True)
    if (query.keys() - _ROUTING_PARAMETERS) & parse_qs(request.query, keep_blank_values=True).keys():
        return True
    return not all(_is_of_server(wanted, base_url) for wanted in query.get("next", ()))


def _is_of_server(path: str, base_url: str) -> bool:
    dots = ".." in path or "%2e" in path.lower()
    return path.startswith((f"{base_url}user/", f"{base_url}services/")) and not dots


def is_typed(request: HTTPServerRequest) -> bool:
    """Return whether the browser reports that the user entered the address or opened a bookmark."""
    return request.headers.get("Sec-Fetch-Site") == "none"


def is_opened_by_user(request: HTTPServerRequest) -> bool:
    """Return whether a user opened a page, as opposed to a prefetch or a link preview.

    False for browsers that do not report it: old ones, and all browsers over plain http to other machines.
    """
    sent = request.headers
    return (
        sent.get("Sec-Fetch-Mode") == "navigate"
        and sent.get("Sec-Fetch-Dest") == "document"
        and sent.get("Sec-Fetch-User") == "?1"
    )


def needs_token(request: HTTPServerRequest) -> bool:
    """Return whether a request with a login cookie needs a token.

    Page views and same-origin images need none.
    """
    if request.method not in _SAFE_METHODS:
        return True
    mode = request.headers.get("Sec-Fetch-Mode", UNKNOWN)
    if mode in {"navigate", "websocket", UNKNOWN}:
        return False
    # The page that makes the request cannot read the response.
    return not (mode == "no-cors" and request.headers.get("Sec-Fetch-Site") == "same-origin")


def check_token(request: HTTPServerRequest, sent: str | None, held: Collection[bytes]) -> None:
    """Check the XSRF token of a request.

    Args:
        request: the request.
        sent: the token in a form field or header.
        held: tokens of the cookies that are valid for this session; `sent` must be one of them.

    Raises:
        ForbiddenError: the token is missing or wrong.
    """
    if not sent:
        raise ForbiddenError(f"'_xsrf' argument missing from {request.method}", hint=_HINT)
    text = sent.encode(errors="replace")
    if not any(hmac.compare_digest(text, token) for token in held):
        raise ForbiddenError(f"XSRF cookie does not match {request.method} argument", hint=_HINT)


_HINT: Final = _("Load the page again and repeat what you did.")


def _read(token: bytes, secret: bytes) -> bytes | None:
    try:
        signed = base64.urlsafe_b64decode(token + b"=" * (-len(token) % 4))
    except ValueError:
        return None
    return decode_signed_value(secret, XSRF_COOKIE, signed, max_age_days=XSRF_DAYS, min_version=2)
