"""What a container's state says to people: why it ended, why it does not answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from plughub_docker.settings import HOST_NETWORK

MEGABYTE = 1024 * 1024
KILLED = 137
"""Exit code of a process that was killed by SIGKILL, as the engine does it for want of memory."""


def diagnose(container: Mapping[str, Any], port: int) -> str | None:
    """Say what is wrong with a container.

    Args:
        container: as inspected.
        port: where the server should listen, inside the container.

    Returns:
        One sentence, or None when nothing is wrong that can be seen from outside.
    """
    state, limit = container["State"], container["HostConfig"].get("Memory") or 0
    if state.get("Paused"):
        return "the container is paused: docker unpause lets it go on"
    if state.get("Restarting") or not state.get("Running"):
        killed = state.get("OOMKilled") and state.get("ExitCode") == KILLED
        why = _out_of_memory(limit) if killed else str(state.get("Error") or "") or unreachable_hub(container)
        return "; ".join(filter(None, (_crash_loop(container), why))) or None
    if loop := _crash_loop(container):
        return loop
    return unreachable_hub(container) or (
        f"the container runs, but nothing answers on port {port} inside it; the server has to listen there "
        "on all addresses (JUPYTERHUB_SERVICE_URL)"
        + (
            "; the engine has killed one of its processes for want of memory"
            if state.get("OOMKilled")
            else ""
        )
    )


def _crash_loop(container: Mapping[str, Any]) -> str:
    """Say that a restart policy starts a server again and again, which ends each time."""
    state, count = container["State"], int(container.get("RestartCount") or 0)
    if not count and not state.get("Restarting"):
        return ""
    policy = (container["HostConfig"].get("RestartPolicy") or {}).get("Name")
    code = (
        f" with exit code {state.get('ExitCode')}"
        if state.get("Restarting") or not state.get("Running")
        else ""
    )
    return f"the server ended{code} and was started again {count} times (restart policy {policy})"


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
