"""Published ports and addresses that belong to one container for its whole life.

The engine chooses ports and addresses again at every start of a container: the address of one user's server
could become that of another's.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

from plughub.spawner import SpawnFailed
from plughub_docker import marks
from plughub_docker.engine import Engine, EngineError

PORTS: Final = range(49_152, 65_536)
"""Ports to publish: the range that IANA reserves for private use."""
QUIET_PORTS: Final = range(61_000, 65_536)
"""Ports that Linux does not use for outgoing connections, which could collide; they are preferred."""
_NO_CHOICE: Final = "user configured subnets"
_TAKEN: Final = ("already allocated", "already in use", "not available", _NO_CHOICE)
_TRIES: Final = 100
_dice: Final = random.SystemRandom()
_NETWORKS_WITHOUT_CHOICE: Final[set[tuple[str, str]]] = set()
"""Networks whose subnet the engine chose: there, addresses cannot be requested."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def free_port(engine: Engine) -> int:
    """Choose a port to publish that no container has, not even a stopped one.

    Another program on the engine's machine may use the port.

    Raises:
        SpawnFailed: all ports are taken.
    """
    taken = set(_labelled(engine, marks.PUBLISHED))
    free = [port for port in QUIET_PORTS if str(port) not in taken]
    free = free or [port for port in PORTS if str(port) not in taken]
    if not free:
        raise SpawnFailed(f"containers publish all ports from {PORTS.start} to {PORTS.stop - 1}")
    return _dice.choice(free)


def free_address(engine: Engine, network: str) -> str:
    """Choose an address in a network that no container has, not even a stopped one.

    Returns:
        The address; empty where addresses cannot be requested, which takes a bridge with a configured subnet.
    """
    if (engine.address, network) in _NETWORKS_WITHOUT_CHOICE:
        return ""
    try:
        with engine.request() as client:
            found = client.inspect_network(network)
    except EngineError:
        return ""  # the creation of the container fails with a better message
    pool = next((one for one in (found["IPAM"].get("Config") or ()) if ":" not in one["Subnet"]), None)
    if pool is None or found["Driver"] != "bridge":
        return ""
    taken = {*_labelled(engine, marks.ADDRESS), *_in_use(found), str(pool.get("Gateway") or "")}
    tried = (address for address in _candidates(pool) if address not in taken)
    return next(tried, "")


def is_lost(error: EngineError, engine: Engine, network: str) -> bool:
    """Return whether a container failed to start because its port or address was taken meanwhile."""
    if _NO_CHOICE in error.detail:  # the next choice for this network is left to the engine
        _NETWORKS_WITHOUT_CHOICE.add((engine.address, network))
    return any(words in error.detail.lower() for words in _TAKEN)


def _labelled(engine: Engine, label: str) -> Iterator[str]:
    with engine.request() as client:
        listed = client.containers(all=True, filters={"label": label})
    yield from (str(one["Labels"].get(label)) for one in listed)


def _in_use(network: Mapping[str, Any]) -> Iterator[str]:
    for container in (network.get("Containers") or {}).values():
        yield str(container.get("IPv4Address") or "").partition("/")[0]


def _candidates(pool: Mapping[str, Any]) -> Iterator[str]:
    """Yield random addresses that the engine assigns late or never: it starts with the lowest."""
    subnet = ipaddress.ip_network(pool["Subnet"], strict=False)
    given = ipaddress.ip_network(pool["IPRange"], strict=False) if pool.get("IPRange") else None
    first = 1 if given else subnet.num_addresses // 2
    for _ in range(_TRIES):
        address = subnet[_dice.randrange(first, max(subnet.num_addresses - 1, first + 1))]
        if given is None or address not in given:
            yield str(address)
