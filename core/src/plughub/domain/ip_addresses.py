"""IP addresses as requests, sockets and settings spell them."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_address(text: str) -> Address | None:
    """Read an address; an IPv4 address that is spelled as an IPv6 one counts as what it is.

    Args:
        text: the address; a zone after ``%`` is left out.

    Returns:
        The address; None when it is none.
    """
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return unmapped(found)


def unmapped(address: Address) -> Address:
    """Return the IPv4 address that an address stands for, or the address itself."""
    return getattr(address, "ipv4_mapped", None) or address


def is_loopback(host: str) -> bool:
    """Tell whether a host means the machine that connects to it, whichever that is.

    Args:
        host: an address or a name. Names are not looked up.

    Returns:
        True for loopback addresses, for those that mean all interfaces, and for ``localhost``.
    """
    name = host.lower().rstrip(".")
    if name in {"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"}:
        return True
    if name.endswith(".localhost"):
        return True
    found = parse_address(name) or _short_address(name)
    return found is not None and (found.is_loopback or found.is_unspecified)


def leads_to_loopback(url: str) -> bool:
    """Tell whether an address means the machine that connects to it.

    Args:
        url: such as ``http://127.0.0.1:8888``.

    Returns:
        True also for what is no address.
    """
    try:
        return is_loopback(urlsplit(url).hostname or "localhost")
    except ValueError:
        return True


def _short_address(text: str) -> Address | None:
    """Read ``127.1`` and its like, which the system connects to as well."""
    try:
        return ipaddress.IPv4Address(socket.inet_aton(text)) if text[:1].isdigit() else None
    except OSError:
        return None
