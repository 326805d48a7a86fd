"""URLs: joining, escaping, and validation of redirects."""

from __future__ import annotations

import functools
import re
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from plughub.domain.errors import InvalidError
from plughub.domain.names import URL_SAFE, quote_path
from plughub.domain.paths import respell

_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DOTS: Final = re.compile(r"(?:^|/)\.{1,2}(?:/|$)")
_MANY_TIMES: Final = 4
_REMEMBERED: Final = 1024
_PLAIN: Final = "/%~@!:$&'()*+,;="
"""Characters that a browser does not escape in a URL."""


def host_in_url(host: str) -> str:
    """Format a host for a URL: an IPv6 address in brackets.

    Args:
        host: a name or an address.

    Returns:
        The host.
    """
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def url_path_join(*pieces: str) -> str:
    """Join escaped pieces of a path with single slashes.

    A slash before the first piece and after the last one is kept. Empty pieces are skipped.

    Args:
        pieces: escaped pieces.

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
    """Escape a text for one segment of a path, including its slashes.

    Args:
        path: the text.
        safe: characters to keep besides letters, digits and ``_.-~``; JupyterHub keeps ``@`` as well.

    Returns:
        The segment.
    """
    return quote(path, safe=safe)


def url_unescape_path(path: str) -> str:
    """Decode an escaped path.

    Args:
        path: the path.

    Returns:
        The text.
    """
    return unquote(path)


def guess_base_url(url: str) -> str:
    """Return scheme, host and port of an absolute URL.

    Args:
        url: an absolute URL.

    Returns:
        ``scheme://host:port``; empty if the URL has none.
    """
    parts = _split(url)
    return f"{parts.scheme}://{parts.netloc}" if parts and parts.scheme and parts.netloc else ""


def hub_url(base_url: str, *pieces: str) -> str:
    """Return the path of a page of the hub.

    Args:
        base_url: path of the whole application.
        pieces: unescaped segments below ``hub/``.

    Returns:
        Such as ``/base/hub/home``; with a slash at the end if there are no pieces.
    """
    path = url_path_join("/", base_url, "hub", *(quote_path(piece) for piece in pieces))
    return path if pieces else f"{path}/"


def user_url(base_url: str, user: str, server: str = "") -> str:
    """Return the path of a server, such as ``/base/user/alice/lab/``.

    Args:
        base_url: path of the whole application.
        user: name of the user.
        server: name of the server, empty for the default one.
    """
    return _user_url(base_url, user, server)


@functools.lru_cache(_REMEMBERED)
def _user_url(base_url: str, user: str, server: str) -> str:
    # A start asks for the path of its server about ten times.
    return url_path_join("/", base_url, "user", quote_path(user), quote_path(server)) + "/"


def service_url(base_url: str, service: str) -> str:
    """Return the path of a service, such as ``/base/services/culler/``.

    Args:
        base_url: path of the whole application.
        service: name of the service.
    """
    return url_path_join("/", base_url, "services", quote_path(service)) + "/"


def spawn_url(base_url: str, user: str, server: str = "") -> str:
    """Return the path of the start page of a server, such as ``/base/hub/spawn/alice/lab``.

    Args:
        base_url: path of the whole application.
        user: name of the user.
        server: name of the server, empty for the default one.
    """
    return hub_url(base_url, "spawn", user, server)


def spawn_pending_url(base_url: str, user: str, server: str = "") -> str:
    """Return the path of the progress page of a start, such as ``/base/hub/spawn-pending/alice/lab``.

    Args:
        base_url: path of the whole application.
        user: name of the user.
        server: name of the server, empty for the default one.
    """
    return hub_url(base_url, "spawn-pending", user, server)


def safe_next(url: str, host: str, base_url: str = "/", *, domain: str = "") -> str:
    """Validate a redirect target, so that the hub never redirects to a foreign site.

    Only path, query and fragment are kept, so that the browser always stays on the host.

    Args:
        url: the requested target.
        host: the hub's own host, with its port if it has one.
        base_url: only paths below it are accepted.
        domain: host whose subdomains belong to the hub as well; empty for none.

    Returns:
        An absolute path that begins with exactly one slash; empty if the target is not accepted.
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
    """Return whether a path has one leading slash and no dot segments, even after repeated decoding."""
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
    """Split the address of a server into scheme, host and port.

    Args:
        url: such as ``http://127.0.0.1:8888``.

    Raises:
        InvalidError: it is not such an address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port:
        raise InvalidError(f"{url!r} is not the address of a server: write http://address:port")
    return parts.scheme, parts.hostname, port
