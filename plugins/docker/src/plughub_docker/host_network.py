"""Containers on the host network: they share its ports, so the kernel must say which process listens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plughub.spawner import SpawnFailed
from plughub.utils import owns_address, process_family
from plughub_docker.settings import HOST_NETWORK


def is_on_host_network(container: Mapping[str, Any]) -> bool:
    """Return whether a container that was inspected or listed uses the host network."""
    return bool((container.get("HostConfig") or {}).get("NetworkMode") == HOST_NETWORK)


def listens(container: Mapping[str, Any], url: str) -> bool:
    """Return whether the processes of a running container, and no others, accept connections at a URL.
    Blocks.

    Raises:
        SpawnFailed: the hub cannot see the processes of the container.
        OSError: the system does not report listeners.
    """
    check_visible(container)
    return owns_address(url, process_family(int(container["State"]["Pid"])))


def check_visible(container: Mapping[str, Any]) -> None:
    """Check that the hub sees the processes of a running container, and so can tell which process listens.

    Raises:
        SpawnFailed: the engine is on another machine, or the hub runs in a container.
    """
    try:
        group = Path(f"/proc/{container['State']['Pid']}/cgroup").read_text("utf-8")
    except OSError:
        group = ""
    if container["Id"] not in group:
        raise SpawnFailed(
            "the hub cannot distinguish the server from other processes of the machine",
            detail="the hub does not see the processes of the engine's machine: run the hub on that machine "
            "outside a container, or set DockerSpawner.network_name to another network",
            retry=False,
        )
