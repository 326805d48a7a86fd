"""What is done with the path of a request: lines of the configuration.

The path is looked up decoded once and encoded again in the one way of `key_of`, so each spelling of a prefix
finds its route, and none finds another one. A path with an invalid escape cannot be decoded and is refused:
looked up as it is, its prefix would be that of a user whose name has the escape in it.

Source:
    HAProxy Configuration Manual, 2.6 and 2.8: ``url_dec``, ``url_enc``, ``field``, ``map_beg``.
"""

from __future__ import annotations

from typing import Final

from plughub.kinds.proxy import SERVERS_PORT_HEADER
from plughub_haproxy import worker_scripts
from plughub_haproxy.entries import key_of
from plughub_haproxy.route_file import MAP_NAME

SERVERS: Final = "servers"
"""Name of the second port's listener."""

_NORMAL: Final = "url_dec,concat(/),url_enc"
"""From a path to what its key is a prefix of."""


def find_route(hub_spec: str, *, two_ports: bool) -> str:
    """Find the route of a request: that of its host and path, else that of its path.

    Args:
        hub_spec: routespec of the hub, which stands alone on the first of two ports.
        two_ports: servers have a port of their own.

    Returns:
        Lines for a frontend. They set ``txn.to``, the entry of the route.
    """
    at_servers = "if at_servers" if two_ports else ""
    return f"""
    http-request set-var(txn.path) path,{_NORMAL}
    http-request deny deny_status 400 unless {{ var(txn.path) -m found }}
{_hub_alone(hub_spec) if two_ports else ""}
    http-request set-var(txn.there) req.hdr(host),host_only,lower,url_enc,concat(,txn.path) {at_servers}
    http-request set-var(txn.to) var(txn.there),map_beg({MAP_NAME})
    http-request set-var(txn.to) var(txn.path),map_beg({MAP_NAME}) unless {{ var(txn.to) -m found }}
{worker_scripts.lines(at_servers)}
""".strip("\n")


def spell_prefix(base_url: str) -> str:
    """Spell the prefix of a server as its route does: servers compare what arrives letter by letter.

    The rest of the path stays as it was sent. Nothing is changed unless the result, decoded, is the same
    path: with an encoded slash in the prefix, for one, it is not.

    Args:
        base_url: path of the whole application, escaped.

    Returns:
        Lines for a frontend that knows ``txn.path`` and ``txn.to``.
    """
    default = base_url.count("/") + 1
    depths = (default, default + 1)
    rests = [
        f"    http-request set-var(txn.rest) path,field({depth + 2},/,0)"
        f" if {{ var(txn.depth) -m str {depth} }}"
        for depth in depths
    ]
    return "\n".join(
        [
            "    http-request set-var(txn.depth) var(txn.to),field(8,|)",
            f"    acl of_server var(txn.depth) -m str {depths[0]} {depths[1]}",
            *rests,
            "    http-request set-var(txn.prefix) var(txn.to),field(7,|),url_dec if of_server",
            "    http-request set-var(txn.spelt) var(txn.prefix),concat(/,txn.rest) if of_server",
            *(
                f"    http-request set-path %[var(txn.{name})] "
                f"if of_server {{ var(txn.{name}),{_NORMAL},strcmp(txn.path) eq 0 }}"
                for name in ("prefix", "spelt")
            ),
        ]
    )


def _hub_alone(hub_spec: str) -> str:
    return f"""
    acl at_servers so_name -m str {SERVERS}
    http-request set-var(txn.path) str({key_of(hub_spec)}) unless at_servers
    http-request set-header {SERVERS_PORT_HEADER} yes if at_servers
""".strip("\n")
