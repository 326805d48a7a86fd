"""URLs of Unix sockets: ``http+unix://`` and the escaped path, such as ``http+unix://%2Frun%2Fhub.sock``."""

from __future__ import annotations

from string import ascii_uppercase
from typing import Final
from urllib.parse import quote, unquote

SCHEME: Final = "http+unix"
FORMER_SCHEME: Final = "unix+http"
"""Scheme of the same URLs before JupyterHub 6."""

MAX_PATH_BYTES: Final = 107
"""Longest path of a socket that the kernel accepts, without the zero byte at its end."""


def is_unix_socket_url(url: str) -> bool:
    """Return whether a URL has the scheme of Unix sockets."""
    return url.partition("://")[0].lower() in {SCHEME, FORMER_SCHEME}


def unix_socket_url(path: str) -> str:
    """Return the URL of a Unix socket, without a path on its server.

    Args:
        path: path of the socket.
    """
    # HTTP clients convert the host of a URL to lower case, as that of JupyterHub's servers does.
    escaped = (f"%{ord(one):02X}" if one in ascii_uppercase else quote(one, safe="") for one in path)
    return f"{SCHEME}://{''.join(escaped)}"


def unix_socket_path(url: str) -> str:
    """Return the path of the Unix socket in a URL.

    Args:
        url: any URL.

    Returns:
        The path; empty if the URL is not that of a Unix socket.
    """
    rest = url.partition("://")[2]
    return unquote(rest.partition("/")[0]) if is_unix_socket_url(url) else ""
