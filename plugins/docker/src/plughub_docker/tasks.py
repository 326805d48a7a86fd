"""Tasks of a service on nodes of the swarm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from plughub.spawner import Diagnosis
from plughub_docker.diagnosis import KILLED, MEGABYTE

Task = Mapping[str, Any]

ALIVE: Final = frozenset(
    {"new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"}
)
WAITS_FOR_NODE: Final = frozenset({"new", "allocated", "pending"})

_STEPS: Final = {
    "new": "Waiting for a node of the swarm",
    "allocated": "Waiting for a node of the swarm",
    "pending": "Waiting for a node of the swarm",
    "assigned": "A node has accepted the server",
    "accepted": "A node has accepted the server",
    "preparing": "The node is preparing the image and the networks",
    "ready": "The node is ready",
    "starting": "The node is starting the container",
    "running": "The container is running",
}


def newest(tasks: Iterable[Task]) -> Task | None:
    """Return the newest task of a service; None if there is none yet."""
    return max(tasks, key=lambda task: str(task["CreatedAt"]), default=None)


def state_of(task: Task) -> str:
    """Return the state of a task."""
    return str(task["Status"]["State"])


def step_of(task: Task) -> str:
    """Return a sentence about a task's progress, with the swarm's error message if any."""
    step = _STEPS.get(state_of(task), state_of(task))
    error = task["Status"].get("Err")
    return f"{step}: {error}" if error else step


def is_ending(task: Task) -> bool:
    """Return whether the swarm has asked a task to end that has not ended yet."""
    return state_of(task) in ALIVE and task.get("DesiredState") in {"shutdown", "remove"}


def container_of(task: Task) -> str:
    """Return the id of the task's container; empty if it has none."""
    return str((task["Status"].get("ContainerStatus") or {}).get("ContainerID") or "")


def addresses_of(task: Task) -> list[str]:
    """Return the addresses of a task in overlay networks."""
    attached = task.get("NetworksAttachments") or ()
    return [str(one).partition("/")[0] for network in attached for one in network.get("Addresses") or ()]


def exit_code_of(task: Task) -> int:
    """Return the exit code of an ended task; 0 if unknown."""
    return int((task["Status"].get("ContainerStatus") or {}).get("ExitCode") or 0)


def published_port(task: Task, port: int) -> int:
    """Return the port on which a node publishes a port of a task; 0 if there is none."""
    # IPv4 and IPv6 ports may differ and are listed without their family, IPv4 first.
    ports = (task["Status"].get("PortStatus") or {}).get("Ports") or ()
    return next((int(one["PublishedPort"]) for one in ports if one.get("TargetPort") == port), 0)


def diagnose(task: Task, node: str, *, out_of_memory: bool | None) -> Diagnosis | None:
    """Return why a task ended or does not start; None if it runs.

    Args:
        task: result of an inspection.
        node: name of the node.
        out_of_memory: whether the container was killed because memory ran out; None if unknown.
    """
    state, error = state_of(task), str(task["Status"].get("Err") or "")
    limit = ((task["Spec"].get("Resources") or {}).get("Limits") or {}).get("MemoryBytes") or 0
    if state == "running":
        return None
    if state in WAITS_FOR_NODE:
        detail = f"no node of the swarm accepts the task: {error or 'none has answered yet'}"
        return Diagnosis("no machine has accepted the server", detail=detail)
    if state == "rejected":
        return Diagnosis("a machine refused the server", detail=f"node {node}: {error}")
    if exit_code_of(task) == KILLED and limit and out_of_memory is not False:
        how = "out of memory" if out_of_memory else "most likely out of memory"
        message = f"{how}: the server was killed at its limit of {limit / MEGABYTE:g} MB"
        return Diagnosis(message, detail="mem_limit")
    return Diagnosis("", detail=f"on node {node}: {error or step_of(task)}")
