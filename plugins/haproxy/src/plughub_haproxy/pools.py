"""Routes with several targets: backends with server slots that are filled at run time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from plughub.utils import host_in_url
from plughub_haproxy.entries import DIRECT, HUB_SOCKET, SECURE, Address, Entry

SLOTS: Final = 16
"""Maximum number of targets of a route."""

POOLS: Final = tuple(f"pool{number}" for number in range(1, 5))
"""Pools for routes with several targets, besides that of the hub's own route."""

HUBS: Final = "hubs"
"""The pool of the hub's own route."""

ERRORS: Final = "errors"
"""The backend with the hub's error pages. `HUBS` has the same slots and follows the health checks of this
one.
"""

_UNUSED_ADDRESS: Final = "127.0.0.1:9"


def server_lines(addresses: Sequence[Address], *, follow: str = "") -> str:
    """Return the server lines of a pool for the configuration file; unused slots are disabled.

    Args:
        addresses: addresses of the targets.
        follow: pool whose health checks apply to this one, slot by slot; empty if it has its own.
    """
    filled = [f"    server t{slot} {_join(address)}" for slot, address in _slots(addresses)]
    empty = [f"    server t{slot} {_UNUSED_ADDRESS} disabled" for slot in range(len(filled) + 1, SLOTS + 1)]
    lines = enumerate([*filled, *empty], start=1)
    return "\n".join(f"{line} track {follow}/t{slot}" if follow else line for slot, line in lines)


def fill_commands(pool: str, addresses: Sequence[Address]) -> list[str]:
    """Return the runtime commands that fill a pool."""
    if HUB_SOCKET in addresses:
        return []
    commands = []
    for slot, (ip, port) in _slots(addresses):
        server = f"set server {pool}/t{slot}"
        health = [] if pool == HUBS else [f"{server} health up"]
        commands += [f"{server} addr {ip} port {port}", *health, f"{server} state ready"]
    used = len(_slots(addresses))
    commands += [f"set server {pool}/t{slot} state maint" for slot in range(used + 1, SLOTS + 1)]
    return commands


def choose_pool(entry: Entry, others: Iterable[Entry]) -> str:
    """Return the backend of a route: `DIRECT` or `SECURE`, or a pool if it has several targets and one is
    free. The hub's Unix socket is in the pool of hubs.

    Over TLS, only the hub's route can have several targets.

    Args:
        entry: the route, with its addresses.
        others: existing routes, possibly with an older version of this one.
    """
    alone = SECURE if entry.is_secure else DIRECT
    if HUB_SOCKET in entry.addresses:
        return HUBS
    if len(entry.addresses) == 1:
        return alone
    if serves_errors(entry):
        return HUBS
    if entry.is_secure:
        return alone
    taken = {other.backend for other in others if other.key != entry.key}
    own = next((other.backend for other in others if other.key == entry.key), DIRECT)
    free = [pool for pool in (own, *POOLS) if pool != DIRECT and pool not in taken]
    return free[0] if free else DIRECT


def addresses_by_pool(
    entries: Iterable[Entry], error_address: Address | None
) -> Mapping[str, Sequence[Address]]:
    """Return the addresses that each pool must contain.

    Args:
        entries: the routes.
        error_address: address of the hub's error pages while no route leads to the hub yet.
    """
    pools: dict[str, Sequence[Address]] = {ERRORS: [error_address] if error_address else []}
    for entry in entries:
        if not is_single_target(entry):
            pools[entry.backend] = entry.addresses
        if serves_errors(entry):
            pools[ERRORS] = entry.addresses
    return pools


def is_single_target(entry: Entry) -> bool:
    """Return whether a route uses only its first target."""
    return entry.backend in {DIRECT, SECURE}


def serves_errors(entry: Entry) -> bool:
    """Return whether the targets of a route are hubs: true for the hub's default route."""
    return bool(entry.data.get("hub")) and not entry.data.get("extra")


def _slots(addresses: Sequence[Address]) -> list[tuple[int, Address]]:
    return list(enumerate(sorted(set(addresses) - {HUB_SOCKET})[:SLOTS], start=1))


def _join(address: Address) -> str:
    ip, port = address
    return f"{host_in_url(ip)}:{port}"
