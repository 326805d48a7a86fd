"""Containers in the network of the host: they share its ports, so the kernel has to say who listens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plughub.spawner import SpawnFailed
from plughub.utils import owns_address, process_family
from plughub_docker.settings import HOST_NETWORK


def is_on_host_network(container: Mapping[str, Any]) -> bool:
    """Tell whether a container that was inspected or listed shares the network of its host."""
    return bool((container.get("HostConfig") or {}).get("NetworkMode") == HOST_NETWORK)


def listens(container: Mapping[str, Any], url: str) -> bool:
    """Tell whether the processes of a container, and no others, accept connections at an address. It blocks.

    Args:
        container: as inspected; it runs.
        url: the address.

    Returns:
        False also when nothing listens there.

    Raises:
        SpawnFailed: the processes of the container cannot be seen.
        OSError: the system does not tell.
    """
    check_visible(container)
    return owns_address(url, process_family(int(container["State"]["Pid"])))


def check_visible(container: Mapping[str, Any]) -> None:
    """Check that the processes of a container can be seen: without them it is unknown which process listens.

    Args:
        container: as inspected; it runs.

    Raises:
        SpawnFailed: the engine is on another machine, or the hub in a container of its own.
    """
    try:
        group = Path(f"/proc/{container['State']['Pid']}/cgroup").read_text("utf-8")
    except OSError:
        group = ""
    if container["Id"] not in group:
        raise SpawnFailed(
            "the hub cannot tell the server from other processes of the machine",
            detail="the hub does not see the processes of the engine's machine: run the hub on that machine, "
            "outside of containers, or set DockerSpawner.network_name to another network",
            retry=False,
        )
