"""Where a request came from, when it came through a proxy."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Collection

from tornado.httputil import HTTPServerRequest


def apply_forwarded(request: HTTPServerRequest, trusted: Collection[str]) -> None:
    """Put the address and scheme of the browser in the place of those of the proxy.

    What a proxy says is believed when it runs on this machine or is trusted by name; what anybody else
    sends is passed over. Of a chain of addresses the last that is not a trusted proxy counts.

    Args:
        request: changed in place.
        trusted: addresses of proxies.
    """
    if not _is_believed(request.remote_ip or "", trusted):
        return
    chain = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    for address in reversed(chain):
        if not _is_address(address):
            break
        request.remote_ip = address
        if not _is_believed(address, trusted):
            break
    scheme = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
    if scheme in {"http", "https"}:
        request.protocol = scheme


def _is_believed(address: str, trusted: Collection[str]) -> bool:
    if address in trusted:
        return True
    return _is_of_this_machine(address)


@functools.lru_cache(maxsize=1024)
def _is_of_this_machine(address: str) -> bool:
    return _is_address(address) and ipaddress.ip_address(address).is_loopback


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
