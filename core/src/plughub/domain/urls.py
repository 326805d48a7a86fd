"""Addresses: joined, escaped, and checked before a browser is sent there."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from plughub.domain.errors import InvalidError
from plughub.domain.names import URL_SAFE, quote_path
from plughub.domain.paths import respell

_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DOTS: Final = re.compile(r"(?:^|/)\.{1,2}(?:/|$)")
_MANY_TIMES: Final = 4
_PLAIN: Final = "/%~@!:$&'()*+,;="
"""What a browser leaves as it is in an address."""


def host_in_url(host: str) -> str:
    """Write a host for a URL: an IPv6 address stands in brackets.

    Args:
        host: a name or an address.

    Returns:
        The host.
    """
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def url_path_join(*pieces: str) -> str:
    """Join pieces of a path with single slashes between them.

    A slash before the first piece and behind the last one stays. Empty pieces are left out.

    Args:
        pieces: pieces, escaped already.

    Returns:
        The path.
    """
    full = [piece for piece in pieces if piece]
    if not full:
        return ""
    inner = "/".join(stripped for piece in full if (stripped := piece.strip("/")))
    begin = "/" if full[0].startswith("/") else ""
    end = "/" if full[-1].endswith("/") and inner else ""
    return f"{begin}{inner}{end}"


def url_escape_path(path: str, safe: str = URL_SAFE) -> str:
    """Escape a text for one segment of a path; slashes are escaped too.

    Args:
        path: the text.
        safe: characters that stay besides letters, digits and ``_.-~``; JupyterHub leaves ``@`` too.

    Returns:
        The segment.
    """
    return quote(path, safe=safe)


def url_unescape_path(path: str) -> str:
    """Read an escaped path.

    Args:
        path: the path.

    Returns:
        The text.
    """
    return unquote(path)


def guess_base_url(url: str) -> str:
    """Cut an address down to scheme, host and port.

    Args:
        url: an absolute address.

    Returns:
        ``scheme://host:port``; empty when the address has none.
    """
    parts = _split(url)
    return f"{parts.scheme}://{parts.netloc}" if parts and parts.scheme and parts.netloc else ""


def hub_url(base_url: str, *pieces: str) -> str:
    """Give the path of a page of the hub.

    Args:
        base_url: path of the whole application.
        pieces: texts below ``hub/``, escaped here.

    Returns:
        Such as ``/base/hub/home``; with a slash at the end when there are no pieces.
    """
    path = url_path_join("/", base_url, "hub", *(quote_path(piece) for piece in pieces))
    return path if pieces else f"{path}/"


def user_url(base_url: str, user: str, server: str = "") -> str:
    """Give the path below which a server is reached.

    Args:
        base_url: path of the whole application.
        user: name of the user.
        server: name of the server, empty for the default one.

    Returns:
        Such as ``/base/user/alice/lab/``.
    """
    return url_path_join("/", base_url, "user", quote_path(user), quote_path(server)) + "/"


def service_url(base_url: str, service: str) -> str:
    """Give the path below which a service is reached.

    Args:
        base_url: path of the whole application.
        service: name of the service.

    Returns:
        Such as ``/base/services/culler/``.
    """
    return url_path_join("/", base_url, "services", quote_path(service)) + "/"


def spawn_url(base_url: str, user: str, server: str = "") -> str:
    """Give the path of the page that starts a server.

    Args:
        base_url: path of the whole application.
        user: name of the user.
        server: name of the server, empty for the default one.

    Returns:
        Such as ``/base/hub/spawn/alice/lab``.
    """
    return hub_url(base_url, "spawn", user, server)


def spawn_pending_url(base_url: str, user: str, server: str = "") -> str:
    """Give the path of the page that watches a start.

    Args:
        base_url: path of the whole application.
        user: name of the user.
        server: name of the server, empty for the default one.

    Returns:
        Such as ``/base/hub/spawn-pending/alice/lab``.
    """
    return hub_url(base_url, "spawn-pending", user, server)


def safe_next(url: str, host: str, base_url: str = "/", *, domain: str = "") -> str:
    """Check where a browser is to go next, so that nobody is sent elsewhere by a link of ours.

    Only the path, query and fragment are kept, so the browser stays on the host whatever was sent.

    Args:
        url: what the request says.
        host: the hub's own host, with its port where it has one.
        base_url: only paths below it are accepted.
        domain: host whose subdomains are ours too; empty for none.

    Returns:
        An absolute path that begins with exactly one slash; empty when the address is not accepted.
    """
    if _UNSEEN.search(url):
        return ""
    parts = _split(url.strip(" ").replace("\\", "%5C"))
    if parts is None or not _is_ours(parts, url.strip(" "), host.lower(), domain.lower()):
        return ""
    prefix = url_path_join("/", base_url, "/")
    path = respell(quote(parts.path, safe=_PLAIN), prefix)
    if not _is_plain_path(parts.path) or not f"{path}/".startswith(prefix):
        return ""
    query = f"?{_quote_rest(parts.query)}" if parts.query else ""
    fragment = f"#{_quote_rest(parts.fragment)}" if parts.fragment else ""
    return f"{path}{query}{fragment}"


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _is_ours(parts: SplitResult, url: str, host: str, domain: str) -> bool:
    if not parts.scheme and not url.startswith("//"):
        return True
    netloc = parts.netloc.lower()
    if not netloc or parts.scheme not in {"", "http", "https"}:
        return False
    return netloc == host or bool(domain and netloc.endswith(f".{domain}") and "@" not in netloc)


def _is_plain_path(path: str) -> bool:
    """Accept one slash at the beginning and no dot segments, also after decoding once too often."""
    for _ in range(_MANY_TIMES):
        if not path.startswith("/") or path[1:2] in {"/", "\\"} or _DOTS.search(path.replace("\\", "/")):
            return False
        if _UNSEEN.search(path[:_MANY_TIMES]):
            return False
        decoded = unquote(path)
        if decoded == path:
            return True
        path = decoded
    return False


def _quote_rest(text: str) -> str:
    return quote(text, safe=f"{_PLAIN}?[]#")


def address_of(url: str) -> tuple[str, str, int]:
    """Take the address of a server apart.

    Args:
        url: such as ``http://127.0.0.1:8888``.

    Returns:
        Scheme, host and port.

    Raises:
        InvalidError: it is no such address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port:
        raise InvalidError(f"{url!r} is no address of a server: write http://address:port")
    return parts.scheme, parts.hostname, port
