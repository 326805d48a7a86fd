"""Addresses of containers, as reported by the engine: nothing is read from inside a container."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from plughub_docker import marks

HostPort = tuple[str, int]
"""Host and port."""

ALL_ADDRESSES: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - a comparison


def name_of(container: Mapping[str, Any]) -> str:
    """Return the name of a container that was inspected or listed."""
    return str(container.get("Name") or next(iter(container.get("Names") or ()), "")).lstrip("/")


def port_of(container: Mapping[str, Any], default: int) -> int:
    """Return the port of the server inside its container; the default for a container without labels."""
    return int(marks.labels(container).get(marks.PORT) or default)


def published(container: Mapping[str, Any], port: int) -> list[HostPort]:
    """Return the addresses at which a port of a running container is published.

    Args:
        container: result of an inspection, or entry of a list.
        port: port inside the container.
    """
    listed = container.get("Ports")
    if listed is not None:
        found = [one for one in listed if one.get("PrivatePort") == port and one.get("Type") == "tcp"]
        return [(str(one.get("IP") or ""), int(one["PublicPort"])) for one in found if one.get("PublicPort")]
    bindings = (container["NetworkSettings"].get("Ports") or {}).get(f"{port}/tcp") or ()
    return [(str(one["HostIp"]), int(one["HostPort"])) for one in bindings]


def reachable(places: Iterable[HostPort], host: str) -> list[HostPort]:
    """Replace "all addresses" in published addresses by the host of the engine."""
    return [(host if ip in ALL_ADDRESSES else ip, port) for ip, port in places]


def network_of(container: Mapping[str, Any]) -> str:
    """Return the network in which a container was created; empty if unknown."""
    return str((container.get("HostConfig") or {}).get("NetworkMode") or "").replace("default", "bridge")


def addresses(container: Mapping[str, Any], network: str = "") -> list[str]:
    """Return the addresses of a container in its networks, those in ``network`` first."""
    networks: Mapping[str, Any] = (container.get("NetworkSettings") or {}).get("Networks") or {}
    first = [one for name, one in networks.items() if network and network in {name, one.get("NetworkID")}]
    ordered = [*first, *networks.values()]
    found = (str(one.get(key) or "") for key in ("IPAddress", "GlobalIPv6Address") for one in ordered)
    return list(dict.fromkeys(filter(None, found)))


def is_at(container: Mapping[str, Any], place: HostPort, port: int, resolved: str = "") -> bool:
    """Return whether an address is one of a container's own.

    Args:
        container: running container, inspected or listed.
        place: address to which the hub's routes lead.
        port: port of the server inside the container.
        resolved: address to which the container's name resolved earlier; empty if unknown.
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
        return not resolved or resolved in own
    return host in own


def names_of(container: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names at which a container is reachable, in lower case like a recorded address."""
    yield name_of(container).lower()
    if name := marks.labels(container).get(marks.HOST):
        yield name.lower()
