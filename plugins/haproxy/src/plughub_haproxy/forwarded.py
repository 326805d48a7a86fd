"""Headers that say where a request came from: lines of the configuration."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from plughub.errors import StartError

_FORWARDED_HEADERS: Final = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Real-IP",
    "X-Scheme",
)
"""What applications, tornado among them, believe of the client or of its connection."""


_ENDED_IN_FRONT: Final = (
    "acl ended_in_front req.hdr(X-Forwarded-Proto,1) -i https",
    "acl ended_in_front req.hdr(X-Scheme,1) -i https",
    "http-request set-header X-Forwarded-Proto https if ended_in_front",
    "acl has_port req.hdr(X-Forwarded-Port) -m found",
    "acl has_port req.hdr(host),port_only -m int gt 0",
    "http-request set-header X-Forwarded-Port 443 if ended_in_front !has_port",
)
"""Tell servers in one word what a trusted web server says in others: of a list they take the last one."""


def headers(*, secure: bool) -> str:
    """Write what a server is told of the client and of its connection.

    Args:
        secure: HAProxy itself ends TLS.

    Returns:
        Lines for a frontend that knows ``trusted``.
    """
    scheme = "https" if secure else "http"
    port = "443" if secure else "80"
    drop = [f"http-request del-header {name} unless trusted" for name in _FORWARDED_HEADERS]
    keep = [
        f"http-request set-header {name} {value} unless {{ req.hdr({name}) -m found }}"
        for name, value in (
            ("X-Forwarded-Proto", scheme),
            ("X-Forwarded-Host", "%[req.hdr(host)]"),
            ("X-Forwarded-Port", "%[var(txn.port)]"),
        )
    ]
    lines = [
        *drop,
        *_ENDED_IN_FRONT,
        "http-request set-var(txn.port) req.hdr(host),port_only",
        f"http-request set-var(txn.port) int({port}) if {{ var(txn.port) -m int 0 }}",
        *keep,
        "http-request add-header X-Forwarded-For %[src]",
    ]
    return "\n".join(f"    {line}" for line in lines)


def trusted(addresses: Sequence[str]) -> str:
    """Define whose headers are believed.

    Args:
        addresses: of web servers in front, or networks.

    Returns:
        A line for a frontend.

    Raises:
        StartError: an address is none.
    """
    for address in addresses:
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError as error:
            raise StartError(
                f"{address!r} in trusted_downstream_ips is no address or network: {error}"
            ) from error
    return f"acl trusted src {' '.join(addresses)}" if addresses else "acl trusted always_false"
