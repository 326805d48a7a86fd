"""Configuration lines that limit what one client address can do to HAProxy and hubs.

Requests to servers are limited only by connections: many users with many websockets may share one address.

Source:
    HAProxy Configuration Manual, 2.6 and 2.8: ``track-sc0``, ``sc_conn_cur``, ``wait-for-body``.
"""

from __future__ import annotations

from typing import Final

from plughub_haproxy.entries import activity_id, key_of
from plughub_haproxy.timings import BODY_SECONDS

_CONNECTIONS: Final = "connections"
_REQUESTS: Final = "requests"
_CLIENT: Final = "src,ipmask(32,64)"
"""A client: an IPv4 address, or an IPv6 /64 network, whose addresses all belong to one party."""

TABLES: Final = f"""
backend {_CONNECTIONS}
    stick-table type ipv6 size 100k expire 10m store conn_cur

backend {_REQUESTS}
    stick-table type ipv6 size 100k expire 10m store conn_cur
"""


def connections(limit: int) -> str:
    """Return the frontend lines that limit the connections of one client; 0 for no limit."""
    if not limit:
        return ""
    return f"""
    tcp-request connection track-sc1 {_CLIENT} table {_CONNECTIONS} unless trusted
    tcp-request connection reject if {{ sc1_conn_cur gt {limit} }}
""".strip("\n")


def requests(limit: int, hub_spec: str) -> str:
    """Return the frontend lines that hold requests to hubs until their body arrives, and limit them per
    client.

    A body larger than the buffer is passed on when the buffer is full; by then the hub knows the user.
    HTTP/2 needs no header that announces a body, so every request waits for its end, which arrives at once
    where there is no body.

    Args:
        limit: concurrent requests with a body allowed per client; 0 for no limit.
        hub_spec: routespec of the hub.
    """
    bound = f"""
    http-request track-sc2 {_CLIENT} table {_REQUESTS} if to_hub has_body !trusted
    http-request deny deny_status 429 hdr Retry-After 5 if {{ sc2_conn_cur gt {limit} }}
""".strip("\n")
    return f"""
    acl to_hub var(txn.id) -m str {activity_id(key_of(hub_spec))}
    acl has_body method POST PUT PATCH DELETE
    acl has_body req.hdr(content-length) -m found
    acl has_body req.hdr(transfer-encoding) -m found
{bound if limit else ""}
    http-request wait-for-body time {BODY_SECONDS}s if to_hub
""".strip("\n")
