"""Where a request came from, when it came through a proxy."""

from __future__ import annotations

from tornado.httputil import HTTPServerRequest

from plughub.classes.network import is_valid_ip
from plughub.web.peers import Peers

SAID_BY_PROXIES = ("X-Forwarded-For", "X-Forwarded-Proto")
"""What is read. Other headers of this kind (``Forwarded``, ``X-Real-IP``, ``X-Scheme``, ``X-Forwarded-Host``)
count for nothing, whoever sends them."""


def apply_forwarded(request: HTTPServerRequest, peers: Peers) -> None:
    """Put the address and scheme of the browser in the place of those of the proxy.

    What a proxy says is believed; what any other peer sends is passed over. Of a chain of addresses the last
    that is not a named proxy counts: a proxy adds the address that it sees, and what stands before it came
    from there.

    Args:
        request: changed in place.
        peers: tells proxies from other clients.
    """
    said = request.headers
    if not any(name in said for name in SAID_BY_PROXIES) or not peers.is_proxy(request):
        return
    chain = [part.strip() for part in said.get("X-Forwarded-For", "").split(",")]
    for address in reversed(chain):
        if not is_valid_ip(address):
            break
        request.remote_ip = address
        if address not in peers.addresses:
            break
    scheme = said.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
    if scheme in {"http", "https"}:
        request.protocol = scheme
