"""Configuration lines for the path of a request.

A path is decoded once for the lookup and encoded again in the canonical form of `key_of`. So every spelling
of a prefix finds its route and no other route. A path with an invalid escape cannot be decoded and is
refused: looked up undecoded, its prefix would match a user whose name contains the escape.

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
"""Name of the listener on the second port."""

_NORMAL: Final = "url_dec,concat(/),url_enc"
"""Converters from a path to the text of which its key is a prefix."""


def find_route(hub_spec: str, *, two_ports: bool) -> str:
    """Return the frontend lines that find the route of a request: first by host and path, then by path.

    The lines set ``txn.to`` to the entry of the route.

    Args:
        hub_spec: routespec of the hub, which is the only route on the first of two ports.
        two_ports: servers have their own port.
    """
    at_servers = "if at_servers" if two_ports else ""
    there = "req.hdr(host),host_only,lower,url_enc,concat(,txn.path)"
    return f"""
    http-request set-var(txn.path) path,{_NORMAL}
    http-request deny deny_status 400 unless {{ var(txn.path) -m found }}
{_hub_alone(hub_spec) if two_ports else ""}
    http-request set-var(txn.to) {there},map_beg({MAP_NAME}) {at_servers}
    http-request set-var(txn.to) var(txn.path),map_beg({MAP_NAME}) unless {{ var(txn.to) -m found }}
{worker_scripts.lines(at_servers)}
""".strip("\n")


def spell_prefix(base_url: str) -> str:
    """Return the frontend lines that rewrite a server's prefix to the spelling of its route.

    Servers compare the path byte by byte. The rest of the path stays as sent. Nothing is changed unless the
    result decodes to the same path, which an encoded slash in the prefix prevents. Without a percent sign in
    path and prefix, both have the only possible spelling; the entry has it encoded once more, as ``%25``.

    Args:
        base_url: escaped path of the whole application.
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
            "    acl has_spellings path -m sub %",
            "    acl has_spellings var(txn.to),field(7,|) -m sub %25",
            "    http-request set-var(txn.depth) var(txn.to),field(8,|) if has_spellings",
            f"    acl of_server var(txn.depth) -m str {depths[0]} {depths[1]}",
            "    http-request set-var(txn.sent) path if of_server",
            *rests,
            "    http-request set-var(txn.prefix) var(txn.to),field(7,|),url_dec if of_server",
            "    http-request set-var(txn.spelt) var(txn.prefix),concat(/,txn.rest) if of_server",
            "    acl is_spelt var(txn.spelt),strcmp(txn.sent) eq 0",
            *(
                f"    http-request set-path %[var(txn.{name})] "
                f"if of_server !is_spelt {{ var(txn.{name}),{_NORMAL},strcmp(txn.path) eq 0 }}"
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
