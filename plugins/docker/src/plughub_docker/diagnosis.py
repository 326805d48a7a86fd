"""Diagnoses from the state of a container: why it ended, or why its server does not answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from plughub.spawner import Diagnosis
from plughub_docker.settings import HOST_NETWORK

MEGABYTE = 1024 * 1024
KILLED = 137
"""Exit code of a process that was killed by SIGKILL, which the kernel sends when memory runs out."""


def diagnose(container: Mapping[str, Any], port: int) -> Diagnosis | None:
    """Return what is wrong with a container, or None when nothing is wrong that is visible from outside.

    Args:
        container: result of an inspection.
        port: port of the server inside the container.
    """
    state, limit = container["State"], container["HostConfig"].get("Memory") or 0
    if state.get("Paused"):
        return Diagnosis("the container is paused", detail="resume it with docker unpause")
    loop = _crash_loop(container)
    if state.get("Restarting") or not state.get("Running"):
        killed = state.get("OOMKilled") and state.get("ExitCode") == KILLED
        return _joined(loop, _out_of_memory(limit) if killed else _refused(container))
    return loop or explain_unreachable_hub(container) or _silence(container, port)


def _silence(container: Mapping[str, Any], port: int) -> Diagnosis:
    killed = "; one of its processes was killed because memory ran out"
    return Diagnosis(
        f"the container runs, but nothing answers on port {port} inside it"
        + (killed if container["State"].get("OOMKilled") else ""),
        detail="the server must listen on this port on all addresses (JUPYTERHUB_SERVICE_URL)",
    )


def _refused(container: Mapping[str, Any]) -> Diagnosis | None:
    if message := str(container["State"].get("Error") or ""):
        return Diagnosis("the container could not start", detail=message)
    return explain_unreachable_hub(container)


def _joined(first: Diagnosis | None, second: Diagnosis | None) -> Diagnosis | None:
    if first is None or second is None:
        return first or second
    details = "; ".join(filter(None, (first.detail, second.detail)))
    return Diagnosis(f"{first.message}; {second.message}", detail=details)


def explain_unreachable_hub(container: Mapping[str, Any]) -> Diagnosis | None:
    """Return `unreachable_hub` as a diagnosis."""
    detail = unreachable_hub(container)
    return Diagnosis("the server cannot reach the hub", detail=detail) if detail else None


def _crash_loop(container: Mapping[str, Any]) -> Diagnosis | None:
    """Return a diagnosis when a restart policy starts a server repeatedly, and it ends each time."""
    state, count = container["State"], int(container.get("RestartCount") or 0)
    if not count and not state.get("Restarting"):
        return None
    policy = (container["HostConfig"].get("RestartPolicy") or {}).get("Name")
    code = (
        f" with exit code {state.get('ExitCode')}"
        if state.get("Restarting") or not state.get("Running")
        else ""
    )
    message = f"the server ended{code} and was restarted {count} times"
    return Diagnosis(message, detail=f"restart policy {policy}")


def _out_of_memory(limit: int) -> Diagnosis:
    if not limit:
        return Diagnosis("out of memory: the machine had no memory left for the container")
    message = f"out of memory: the server used more than its limit of {limit / MEGABYTE:g} MB"
    return Diagnosis(message, detail="mem_limit")


def unreachable_hub(container: Mapping[str, Any]) -> str | None:
    """Explain that the hub's address, seen from the container, is the container itself; None if it is not."""
    pairs = dict(pair.partition("=")[::2] for pair in container["Config"].get("Env") or ())
    host = urlsplit(pairs.get("JUPYTERHUB_API_URL", "")).hostname or ""
    if container["HostConfig"].get("NetworkMode") == HOST_NETWORK or not is_loopback(host):
        return None
    return (
        f"servers reach the hub at {host}, but inside a container that is the container itself: set "
        "c.JupyterHub.hub_ip to the gateway of the containers' network, such as 172.17.0.1"
    )


def is_loopback(host: str) -> bool:
    """Return whether a host is a loopback address."""
    return host in {"localhost", "::1"} or host.startswith("127.")
