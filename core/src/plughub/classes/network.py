"""Ports and addresses."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any, Final
from urllib.parse import urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def random_port() -> int:
    """Find a free TCP port.

    Another process may take the port before it is used.

    Returns:
        The port.
    """
    with socket.socket() as listener:
        listener.bind(("", 0))
        port: int = listener.getsockname()[1]
    return port


def is_valid_ip(ip: str) -> bool:
    """Return whether a string is an IPv4 or IPv6 address.

    Args:
        ip: the string.
    """
    try:
        ipaddress.ip_address(ip)
    except ValueError:
        return False
    return True


def get_server_info(url: str) -> dict[str, Any]:
    """Split the URL of a server.

    Args:
        url: an absolute URL.

    Returns:
        ``protocol``, ``host``, ``port`` (that of the protocol if the URL has none) and ``path``.

    Raises:
        ValueError: the URL is not absolute.
    """
    parts = urlsplit(url)
    if not parts.scheme or not parts.hostname:
        raise ValueError(f"{url!r} is not an absolute URL such as http://127.0.0.1:8000")
    return {
        "protocol": parts.scheme,
        "host": parts.hostname,
        "port": parts.port or _DEFAULT_PORTS.get(parts.scheme),
        "path": parts.path or "/",
    }
