"""What containers use: CPU time, memory and limits, as the engine reports them. Everything here blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from docker.utils import version_gte

from plughub.spawner import Usage
from plughub_docker.engine import Engine, IgnoreMissing

NANO: Final = 1e9
DEFAULT_PERIOD: Final = 100_000
"""Microseconds of the kernel's scheduling period, if the container sets none."""
_ONE_SHOT: Final = "1.41"
"""First version of the API with which the engine answers at once instead of after a second reading."""
_CACHED: Final = ("inactive_file", "total_inactive_file")
"""Names of cached files that the kernel can drop, in version 2 and 1 of control groups."""


def usage_of(engine: Engine, container_id: str) -> Usage | None:
    """Return what a running container uses, without limits; None if it does not run on this engine."""
    stats: Mapping[str, Any] = {}
    with IgnoreMissing(), engine.request() as client:
        at_once = {"one_shot": True} if version_gte(client.api_version, _ONE_SHOT) else {}
        stats = client.stats(container_id, stream=False, **at_once)
    nanoseconds = ((stats.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage")
    memory = stats.get("memory_stats") or {}
    if not nanoseconds or not memory.get("usage"):
        return None  # the engine reports zeros for a container that has ended
    details = memory.get("stats") or {}
    cached = next((details[name] for name in _CACHED if name in details), 0)
    return Usage(cpu_seconds=nanoseconds / NANO, memory=max(memory["usage"] - cached, 0))


def limits_of(host: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the limits of a container from its HostConfig, as values of `Usage`."""
    quota = (host.get("CpuQuota") or 0) / (host.get("CpuPeriod") or DEFAULT_PERIOD)
    cores = (host.get("NanoCpus") or 0) / NANO or max(quota, 0)
    return {"cpu_limit": cores or None, "memory_limit": host.get("Memory") or None}


def limits_of_service(service: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the limits of a service's tasks, as values of `Usage`."""
    limits = (service["Spec"]["TaskTemplate"].get("Resources") or {}).get("Limits") or {}
    return {
        "cpu_limit": (limits.get("NanoCPUs") or 0) / NANO or None,
        "memory_limit": limits.get("MemoryBytes") or None,
    }
