"""Where a request came from, when it came through a proxy."""

from __future__ import annotations

from typing import Any

from tornado.httputil import HTTPServerRequest

from plughub.domain.ip_addresses import parse_address
from plughub.web.peers import TrustedPeers

SAID_BY_PROXIES = ("X-Forwarded-For", "X-Forwarded-Proto")
"""What is read of every proxy, and ``X-Scheme`` of a named one that stands before the hub's own.

Other headers of this kind (``Forwarded``, ``X-Real-IP``, ``X-Forwarded-Host``) count for nothing."""

SCHEMES = frozenset({"http", "https"})


def apply_forwarded(request: HTTPServerRequest, peers: TrustedPeers) -> None:
    """Put the address and scheme of the browser in the place of those of the proxy.

    What a proxy says is believed; what any other peer sends is passed over. Of a chain of addresses the last
    that is not a named proxy counts: a proxy adds the address that it sees, and what stands before it came
    from there. The same holds for schemes: the last one is what the hub's proxy says itself. When it was
    asked by a named proxy, the first one counts, which that has from the browser's connection.

    Args:
        request: changed in place.
        peers: tells proxies from other clients.
    """
    said = request.headers
    if not any(name in said for name in SAID_BY_PROXIES) or not peers.is_proxy(request):
        return
    chain = _parts(said.get("X-Forwarded-For", ""))
    for address in reversed(chain):
        if (found := parse_address(address)) is None:
            break
        request.remote_ip = str(found)
        if not peers.names(address):
            break
    schemes = [scheme.lower() for scheme in _parts(said.get("X-Forwarded-Proto", ""))]
    told: Any = request
    told.is_from_named_proxy = peers.names(chain[-1])
    if told.is_from_named_proxy:
        schemes = schemes[:1]
        if said.get("X-Scheme", "").lower() == "https":
            schemes = ["https"]
    if schemes and schemes[-1] in SCHEMES:
        request.protocol = schemes[-1]


def is_from_named_proxy(request: HTTPServerRequest) -> bool:
    """Tell whether a request came through a proxy of ``trusted_downstream_ips`` to the hub's own.

    Args:
        request: one that `apply_forwarded` has seen.

    Returns:
        Whether the host that it names is believed.
    """
    return bool(getattr(request, "is_from_named_proxy", False))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]
