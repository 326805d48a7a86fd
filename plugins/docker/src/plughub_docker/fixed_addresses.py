"""Ports and addresses that a container keeps for as long as it exists, and shares with no other.

What the engine chooses itself it chooses again whenever a container starts: then the place of one user's
server may become that of another's.
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
"""Ports that are published: those that the registry of ports leaves to such use."""
CALM_PORTS: Final = range(61_000, 65_536)
"""Those that Linux does not give to outgoing connections, which would be in the way; they are taken first."""
_MAY_NOT_CHOOSE: Final = "user configured subnets"
_TAKEN: Final = ("already allocated", "already in use", "not available", _MAY_NOT_CHOOSE)
_TRIES: Final = 100
_dice: Final = random.SystemRandom()
_WITHOUT: Final[set[tuple[str, str]]] = set()
"""Networks whose subnet the engine chose: in these nobody chooses addresses."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def free_port(engine: Engine) -> int:
    """Choose a port to publish that no container has, not even one that is stopped.

    Args:
        engine: the engine.

    Returns:
        The port. Something else on the engine's machine may have it.

    Raises:
        SpawnFailed: there is none.
    """
    taken = set(_labelled(engine, marks.PUBLISHED))
    free = [port for port in CALM_PORTS if str(port) not in taken]
    free = free or [port for port in PORTS if str(port) not in taken]
    if not free:
        raise SpawnFailed(f"all ports of {PORTS.start} to {PORTS.stop - 1} are published by containers")
    return _dice.choice(free)


def free_address(engine: Engine, network: str) -> str:
    """Choose an address in a network that no container has, not even one that is stopped.

    Args:
        engine: the engine.
        network: name of the network.

    Returns:
        The address; empty where addresses cannot be chosen: that takes a bridge with a subnet that was
        configured when it was made.
    """
    if (engine.address, network) in _WITHOUT:
        return ""
    try:
        with engine.asked() as client:
            found = client.inspect_network(network)
    except EngineError:
        return ""  # making the container says better what is wrong
    pool = next((one for one in (found["IPAM"].get("Config") or ()) if ":" not in one["Subnet"]), None)
    if pool is None or found["Driver"] != "bridge":
        return ""
    taken = {*_labelled(engine, marks.ADDRESS), *_in_use(found), str(pool.get("Gateway") or "")}
    tried = (address for address in _candidates(pool) if address not in taken)
    return next(tried, "")


def is_lost(error: EngineError, engine: Engine, network: str) -> bool:
    """Tell whether a container did not start because its port or address was taken meanwhile.

    Args:
        error: what the engine said.
        engine: the engine.
        network: of the container; one without choice is remembered.

    Returns:
        Whether another choice may help.
    """
    if _MAY_NOT_CHOOSE in error.detail:
        _WITHOUT.add((engine.address, network))
    return any(words in error.detail.lower() for words in _TAKEN)


def _labelled(engine: Engine, label: str) -> Iterator[str]:
    with engine.asked() as client:
        listed = client.containers(all=True, filters={"label": label})
    yield from (str(one["Labels"].get(label)) for one in listed)


def _in_use(network: Mapping[str, Any]) -> Iterator[str]:
    for container in (network.get("Containers") or {}).values():
        yield str(container.get("IPv4Address") or "").partition("/")[0]


def _candidates(pool: Mapping[str, Any]) -> Iterator[str]:
    """Go through addresses that the engine gives out late or never by itself: it begins with the lowest."""
    subnet = ipaddress.ip_network(pool["Subnet"], strict=False)
    given = ipaddress.ip_network(pool["IPRange"], strict=False) if pool.get("IPRange") else None
    first = 1 if given else subnet.num_addresses // 2
    for _ in range(_TRIES):
        address = subnet[_dice.randrange(first, max(subnet.num_addresses - 1, first + 1))]
        if given is None or address not in given:
            yield str(address)
