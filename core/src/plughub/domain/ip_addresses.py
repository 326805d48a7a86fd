"""IP addresses in the spellings of requests, sockets and settings."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from plughub.domain.unix_sockets import unix_socket_path

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_address(text: str) -> Address | None:
    """Parse an address, without its zone; an IPv4-mapped IPv6 address becomes an IPv4 address.

    Returns:
        The address, or None if the text is not one.
    """
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return unmapped(found)


def unmapped(address: Address) -> Address:
    """Return the IPv4 address of an IPv4-mapped address, or the address itself."""
    return getattr(address, "ipv4_mapped", None) or address


def is_loopback(host: str) -> bool:
    """Return whether a host always refers to the machine that connects to it. Names are not resolved.

    Returns:
        True for loopback addresses, unspecified addresses and ``localhost``.
    """
    name = host.lower().rstrip(".")
    if name in {"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"}:
        return True
    if name.endswith(".localhost"):
        return True
    found = parse_address(name) or _short_address(name)
    return found is not None and (found.is_loopback or found.is_unspecified)


def leads_to_loopback(url: str) -> bool:
    """Return whether a URL refers to the machine that connects to it: a loopback address or a Unix socket.

    True for an invalid URL.
    """
    if unix_socket_path(url):
        return True
    try:
        return is_loopback(urlsplit(url).hostname or "localhost")
    except ValueError:
        return True


def _short_address(text: str) -> Address | None:
    """Parse short forms such as ``127.1``, to which the operating system connects as well."""
    try:
        return ipaddress.IPv4Address(socket.inet_aton(text)) if text[:1].isdigit() else None
    except OSError:
        return None
