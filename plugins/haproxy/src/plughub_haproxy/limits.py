"""What one address may do to HAProxy and to hubs: lines of the configuration.

Servers are not concerned, but for the bound on connections: many users with many websockets may be behind one
address.

Source:
    HAProxy Configuration Manual, 2.6 and 2.8: ``track-sc0``, ``sc_conn_cur``, ``wait-for-body``.
"""

from __future__ import annotations

from typing import Final

from plughub_haproxy.entries import activity_id, key_of
from plughub_haproxy.timings import BODY_SECONDS

_CONNECTIONS: Final = "connections"
_REQUESTS: Final = "requests"
_PARTY: Final = "src,ipmask(32,64)"
"""One address of IPv4; with IPv6 the /64, of which one party has all addresses."""

TABLES: Final = f"""
backend {_CONNECTIONS}
    stick-table type ipv6 size 100k expire 10m store conn_cur

backend {_REQUESTS}
    stick-table type ipv6 size 100k expire 10m store conn_cur
"""


def connections(limit: int) -> str:
    """Bound how many connections one address has.

    Args:
        limit: how many; 0 for any number.

    Returns:
        Lines for a frontend that knows ``trusted``.
    """
    if not limit:
        return ""
    return f"""
    tcp-request connection track-sc1 {_PARTY} table {_CONNECTIONS} unless trusted
    tcp-request connection reject if {{ sc1_conn_cur gt {limit} }}
""".strip("\n")


def requests(limit: int, hub_spec: str) -> str:
    """Have a request reach a hub when its body is there, and bound how many of one address are on their way.

    A body that does not fit into the buffer is passed on when that is full; the hub knows then who sends it.
    Over HTTP/2 no header need tell that a body comes: the method does, and every request waits for its end,
    which is there at once where no body comes.

    Args:
        limit: how many requests with a body one address may have; 0 for any number.
        hub_spec: routespec of the hub.

    Returns:
        Lines for a frontend that knows ``trusted`` and ``txn.to``.
    """
    bound = f"""
    http-request track-sc2 {_PARTY} table {_REQUESTS} if to_hub has_body !trusted
    http-request deny deny_status 429 hdr Retry-After 5 if {{ sc2_conn_cur gt {limit} }}
""".strip("\n")
    return f"""
    acl to_hub var(txn.to),field(4,|) -m str {activity_id(key_of(hub_spec))}
    acl has_body method POST PUT PATCH DELETE
    acl has_body req.hdr(content-length) -m found
    acl has_body req.hdr(transfer-encoding) -m found
{bound if limit else ""}
    http-request wait-for-body time {BODY_SECONDS}s if to_hub
""".strip("\n")
