"""Where a container can be reached, as the engine tells it: nothing is read from inside the container."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from plughub_docker import marks

Place = tuple[str, int]
"""Host and port."""

ALL_ADDRESSES: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - a comparison


def name_of(container: Mapping[str, Any]) -> str:
    """Read the name of a container as inspected or listed."""
    return str(container.get("Name") or next(iter(container.get("Names") or ()), "")).lstrip("/")


def port_of(container: Mapping[str, Any], default: int) -> int:
    """Tell on which port a server listens inside its container.

    Args:
        container: as inspected or listed.
        default: for a container without labels.

    Returns:
        The port.
    """
    return int(marks.labels(container).get(marks.PORT) or default)


def published(container: Mapping[str, Any], port: int) -> list[Place]:
    """List where a port of a container is published.

    Args:
        container: as inspected or listed.
        port: inside the container.

    Returns:
        The places; none when it is not, or the container does not run.
    """
    listed = container.get("Ports")
    if listed is not None:
        found = [one for one in listed if one.get("PrivatePort") == port and one.get("Type") == "tcp"]
        return [(str(one.get("IP") or ""), int(one["PublicPort"])) for one in found if one.get("PublicPort")]
    bindings = (container["NetworkSettings"].get("Ports") or {}).get(f"{port}/tcp") or ()
    return [(str(one["HostIp"]), int(one["HostPort"])) for one in bindings]


def reached(places: Iterable[Place], host: str) -> list[Place]:
    """Tell how published ports are reached.

    Args:
        places: where the engine publishes them.
        host: the engine's machine, which stands for all its addresses.

    Returns:
        Hosts and ports.
    """
    return [(host if ip in ALL_ADDRESSES else ip, port) for ip, port in places]


def network_of(container: Mapping[str, Any]) -> str:
    """Read in which network a container was made, in which it is reached; empty when that is not known."""
    return str((container.get("HostConfig") or {}).get("NetworkMode") or "").replace("default", "bridge")


def addresses(container: Mapping[str, Any], network: str = "") -> list[str]:
    """List the addresses that a container has in its networks.

    Args:
        container: as inspected or listed.
        network: whose address comes first.

    Returns:
        The addresses.
    """
    networks: Mapping[str, Any] = (container.get("NetworkSettings") or {}).get("Networks") or {}
    first = [one for name, one in networks.items() if network and network in {name, one.get("NetworkID")}]
    ordered = [*first, *networks.values()]
    found = (str(one.get(key) or "") for key in ("IPAddress", "GlobalIPv6Address") for one in ordered)
    return list(dict.fromkeys(filter(None, found)))


def is_at(container: Mapping[str, Any], place: Place, port: int, behind: str = "") -> bool:
    """Tell whether a place is one of a container's own.

    Args:
        container: as inspected or listed; it runs.
        place: where the hub's routes lead.
        port: inside the container.
        behind: address that its name stood for when it was looked up; empty where that is not known.

    Returns:
        Whether it leads to this container.
    """
    host, number = place
    if any(
        number == public and (ip in ALL_ADDRESSES or ip == host) for ip, public in published(container, port)
    ):
        return True
    if number != port:
        return False
    own = addresses(container)
    if host.lower() in names_of(container):
        return not behind or behind in own
    return host in own


def names_of(container: Mapping[str, Any]) -> Iterator[str]:
    """List the names by which a container is reached, in small letters as a recorded address is read."""
    yield name_of(container).lower()
    if name := marks.labels(container).get(marks.HOST):
        yield name.lower()
