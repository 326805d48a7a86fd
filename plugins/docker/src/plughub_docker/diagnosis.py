"""What a container's state says to people: why it ended, why it does not answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from plughub_docker.settings import HOST_NETWORK

MEGABYTE = 1024 * 1024


def diagnose(container: Mapping[str, Any], port: int) -> str | None:
    """Say what is wrong with a container.

    Args:
        container: as inspected.
        port: where the server should listen, inside the container.

    Returns:
        One sentence, or None when nothing is wrong that can be seen from outside.
    """
    state = container["State"]
    if state.get("OOMKilled"):
        return _out_of_memory(container["HostConfig"].get("Memory") or 0)
    if not state.get("Running"):
        return str(state.get("Error") or "") or unreachable_hub(container)
    if state.get("Paused"):
        return "the container is paused: docker unpause lets it go on"
    return unreachable_hub(container) or (
        f"the container runs, but nothing answers on port {port} inside it; the server has to listen there "
        "on all addresses (JUPYTERHUB_SERVICE_URL)"
    )


def _out_of_memory(limit: int) -> str:
    if not limit:
        return "out of memory: the machine had none left for the container"
    return f"out of memory: the server used more than its limit of {limit / MEGABYTE:g} MB (mem_limit)"


def unreachable_hub(container: Mapping[str, Any]) -> str | None:
    """Say so when a container is sent to itself in search of the hub.

    Args:
        container: as inspected.

    Returns:
        One sentence, or None when the hub's address can be right.
    """
    pairs = dict(pair.partition("=")[::2] for pair in container["Config"].get("Env") or ())
    host = urlsplit(pairs.get("JUPYTERHUB_API_URL", "")).hostname or ""
    if container["HostConfig"].get("NetworkMode") == HOST_NETWORK or not is_loopback(host):
        return None
    return (
        f"the hub's address for servers is {host}, and inside a container that is the container itself: set "
        "c.JupyterHub.hub_ip to the gateway of the containers' network, such as 172.17.0.1"
    )


def is_loopback(host: str) -> bool:
    """Tell whether an address means the machine that asks."""
    return host in {"localhost", "::1"} or host.startswith("127.")
