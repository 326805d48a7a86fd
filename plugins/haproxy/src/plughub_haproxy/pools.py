"""Routes with several targets: backends with empty places that are filled at run time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from plughub.utils import host_in_url
from plughub_haproxy.entries import DIRECT, SECURE, Address, Entry

PLACES: Final = 16
"""How many targets a route can have."""

POOLS: Final = tuple(f"pool{number}" for number in range(1, 5))
"""How many routes can have several targets beside the hub's own."""

HUBS: Final = "hubs"
"""The pool of the hub's own route."""

ERRORS: Final = "errors"
"""The backend with the hub's error pages. `HUBS` has the same places, and leaves out whom this finds dead."""

_NOWHERE: Final = "127.0.0.1:9"


def server_lines(addresses: Sequence[Address], *, follow: str = "") -> str:
    """Write the servers of a pool for the configuration file.

    Args:
        addresses: of the targets.
        follow: the pool whose servers are checked for this one, place by place; empty when it does so itself.

    Returns:
        Lines, some with an address and the rest out of use.
    """
    filled = [f"    server t{place} {_join(address)}" for place, address in _places(addresses)]
    empty = [f"    server t{place} {_NOWHERE} disabled" for place in range(len(filled) + 1, PLACES + 1)]
    lines = enumerate([*filled, *empty], start=1)
    return "\n".join(f"{line} track {follow}/t{place}" if follow else line for place, line in lines)


def fill_commands(pool: str, addresses: Sequence[Address]) -> list[str]:
    """Write the commands that fill a pool at run time.

    Args:
        pool: its name.
        addresses: of the targets.

    Returns:
        Commands for the runtime socket.
    """
    commands = []
    for place, (ip, port) in _places(addresses):
        server = f"set server {pool}/t{place}"
        health = [] if pool == HUBS else [f"{server} health up"]
        commands += [f"{server} addr {ip} port {port}", *health, f"{server} state ready"]
    used = len(_places(addresses))
    commands += [f"set server {pool}/t{place} state maint" for place in range(used + 1, PLACES + 1)]
    return commands


def choose_pool(entry: Entry, others: Iterable[Entry]) -> str:
    """Choose the backend of a route.

    Args:
        entry: the route, with its addresses.
        others: the routes that there are; one with the same key is the older form of this one.

    Returns:
        `DIRECT`, or `SECURE`, for a single target and when no pool is left, else the name of a pool. By TLS
        it is the hub alone that can have several.
    """
    alone = SECURE if entry.is_secure else DIRECT
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
    """Tell what the pools have to hold.

    Args:
        entries: the routes.
        error_address: where the hub's error pages are when no route leads to the hub yet.

    Returns:
        Addresses by pool.
    """
    pools: dict[str, Sequence[Address]] = {ERRORS: [error_address] if error_address else []}
    for entry in entries:
        if not is_alone(entry):
            pools[entry.backend] = entry.addresses
        if serves_errors(entry):
            pools[ERRORS] = entry.addresses
    return pools


def is_alone(entry: Entry) -> bool:
    """Tell whether a route leads to its first target alone.

    Args:
        entry: the route, with its backend.
    """
    return entry.backend in {DIRECT, SECURE}


def serves_errors(entry: Entry) -> bool:
    """Tell whether the targets of a route are hubs.

    Args:
        entry: the route.

    Returns:
        True for the hub's default route.
    """
    return bool(entry.data.get("hub")) and not entry.data.get("extra")


def _places(addresses: Sequence[Address]) -> list[tuple[int, Address]]:
    return list(enumerate(sorted(set(addresses))[:PLACES], start=1))


def _join(address: Address) -> str:
    ip, port = address
    return f"{host_in_url(ip)}:{port}"
