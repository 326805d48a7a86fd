"""Client address and scheme of requests that arrive through proxies."""

from __future__ import annotations

import re
from typing import Any

from tornado.httputil import HTTPServerRequest

from plughub.domain.ip_addresses import parse_address
from plughub.web.peers import TrustedPeers

FORWARDED_HEADERS = ("X-Forwarded-For", "X-Forwarded-Proto")
"""Headers accepted from every trusted proxy. A configured proxy in front of the hub's own may also send
``X-Scheme``.

Other headers of this kind (``Forwarded``, ``X-Real-IP``) are ignored, and so is ``X-Forwarded-Host`` unless
``JupyterHub.forwarded_host_header`` names it."""

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
SCHEMES = frozenset({"http", "https"})


def apply_forwarded(request: HTTPServerRequest, peers: TrustedPeers, host_header: str = "") -> None:
    """Replace the proxy's address and scheme in a request by those of the browser.

    Headers from peers that are not trusted proxies are ignored. Each proxy appends the address that it sees,
    so the last address that is not a configured proxy is the browser's. The last scheme is what the hub's own
    proxy reports. If a configured proxy stands in front of that one, the first scheme counts: it is that of
    the browser's connection.

    Args:
        request: the request; changed in place.
        peers: the trusted proxies.
        host_header: header with the host that the browser requested, trusted from configured proxies; empty
            for none.
    """
    headers = request.headers
    if not any(name in headers for name in FORWARDED_HEADERS) or not peers.is_proxy(request):
        return
    chain = _parts(headers.get("X-Forwarded-For", ""))
    for address in reversed(chain):
        if (found := parse_address(address)) is None:
            break
        request.remote_ip = str(found)
        if not peers.names(address):
            break
    schemes = [scheme.lower() for scheme in _parts(headers.get("X-Forwarded-Proto", ""))]
    marked: Any = request
    marked.is_from_named_proxy = peers.names(chain[-1])
    if marked.is_from_named_proxy:
        schemes = schemes[:1]
        if headers.get("X-Scheme", "").lower() == "https":
            schemes = ["https"]
        _apply_host(request, host_header)
    if schemes and schemes[-1] in SCHEMES:
        request.protocol = schemes[-1]


def _apply_host(request: HTTPServerRequest, header: str) -> None:
    """Replace the host in a request by that of a header of a configured proxy, if the host is valid."""
    host = _parts(request.headers.get(header, ""))[0] if header else ""
    if _HOST.fullmatch(host):
        request.host = host


def is_from_named_proxy(request: HTTPServerRequest) -> bool:
    """Return whether a request came through a proxy of ``trusted_downstream_ips``, whose host name is
    trusted.

    `apply_forwarded` must have processed the request.
    """
    return bool(getattr(request, "is_from_named_proxy", False))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]
