"""Configuration lines for headers that describe the client of a request."""

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
"""Headers from which applications, such as those with tornado, take the client and its connection."""


_UPSTREAM_TLS: Final = (
    "acl ended_in_front req.hdr(X-Forwarded-Proto,1) -i https",
    "acl ended_in_front req.hdr(X-Scheme,1) -i https",
    "http-request set-header X-Forwarded-Proto https if ended_in_front",
    "acl has_port req.hdr(X-Forwarded-Port) -m found",
    "acl has_port req.hdr(host),port_only -m int gt 0",
    "http-request set-header X-Forwarded-Port 443 if ended_in_front !has_port",
)
"""Normalize what a trusted web server reports: of a list of values, servers read only the last one."""


def headers(*, secure: bool, trusts_some: bool) -> str:
    """Return the frontend lines that set the headers about the client.

    Args:
        secure: HAProxy itself terminates TLS.
        trusts_some: the headers of some clients are trusted. Otherwise fewer rules do, which costs each
            request less.
    """
    scheme = "https" if secure else "http"
    port = "443" if secure else "80"
    own = (
        ("X-Forwarded-Proto", scheme),
        ("X-Forwarded-Host", "%[req.hdr(host)]"),
        ("X-Forwarded-Port", "%[var(txn.port)]"),
    )
    find_port = [
        "http-request set-var(txn.port) req.hdr(host),port_only",
        f"http-request set-var(txn.port) int({port}) if {{ var(txn.port) -m int 0 }}",
    ]
    if not trusts_some:
        mine = (*own, ("X-Forwarded-For", "%[src]"))
        rest = (name for name in _FORWARDED_HEADERS if name not in dict(mine))
        return _indented(
            [
                *(f"http-request del-header {name}" for name in rest),
                *find_port,
                *(f"http-request set-header {name} {value}" for name, value in mine),
            ]
        )
    drop = [f"http-request del-header {name} unless trusted" for name in _FORWARDED_HEADERS]
    keep = [
        f"http-request set-header {name} {value} unless {{ req.hdr({name}) -m found }}" for name, value in own
    ]
    add = "http-request add-header X-Forwarded-For %[src]"
    return _indented([*drop, *_UPSTREAM_TLS, *find_port, *keep, add])


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def trusted(addresses: Sequence[str]) -> str:
    """Return the frontend line that defines whose headers are trusted.

    Args:
        addresses: addresses or networks of reverse proxies in front of HAProxy.

    Raises:
        StartError: an address is invalid.
    """
    for address in addresses:
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError as error:
            raise StartError(
                f"{address!r} in trusted_downstream_ips is not an address or network: {error}"
            ) from error
    return f"acl trusted src {' '.join(addresses)}" if addresses else "acl trusted always_false"
