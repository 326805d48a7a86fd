"""Tasks: what runs, ran or is to run of a service on a node of the swarm."""

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
    "assigned": "A node has taken the server",
    "accepted": "A node has taken the server",
    "preparing": "The node gets the image and its networks ready",
    "ready": "The node is ready",
    "starting": "The node starts the container",
    "running": "The container runs",
}


def newest(tasks: Iterable[Task]) -> Task | None:
    """Find the latest task of a service.

    Args:
        tasks: of one service.

    Returns:
        The task; None when there is none yet.
    """
    return max(tasks, key=lambda task: str(task["CreatedAt"]), default=None)


def state_of(task: Task) -> str:
    """Read the state of a task."""
    return str(task["Status"]["State"])


def step_of(task: Task) -> str:
    """Say for people how far a task is.

    Args:
        task: as inspected.

    Returns:
        A sentence, with what the swarm has to complain about.
    """
    step = _STEPS.get(state_of(task), state_of(task))
    complaint = task["Status"].get("Err")
    return f"{step}: {complaint}" if complaint else step


def is_ending(task: Task) -> bool:
    """Tell whether the swarm wants a task to end that has not ended."""
    return state_of(task) in ALIVE and task.get("DesiredState") in {"shutdown", "remove"}


def container_of(task: Task) -> str:
    """Read the id of the task's container; empty when it has none."""
    return str((task["Status"].get("ContainerStatus") or {}).get("ContainerID") or "")


def addresses_of(task: Task) -> list[str]:
    """List the addresses that a task has in overlay networks."""
    attached = task.get("NetworksAttachments") or ()
    return [str(one).partition("/")[0] for network in attached for one in network.get("Addresses") or ()]


def exit_code_of(task: Task) -> int:
    """Read the exit code of a task that has ended; 0 when it is not known."""
    return int((task["Status"].get("ContainerStatus") or {}).get("ExitCode") or 0)


def published_port(task: Task, port: int) -> int:
    """Find where a node publishes a port of a task.

    Args:
        task: as inspected.
        port: inside the container.

    Returns:
        The node's port, that of IPv4 where it differs from that of IPv6; 0 when there is none.
    """
    # the ports of both families are listed without saying which is which, that of IPv4 first
    ports = (task["Status"].get("PortStatus") or {}).get("Ports") or ()
    return next((int(one["PublishedPort"]) for one in ports if one.get("TargetPort") == port), 0)


def diagnose(task: Task, node: str, *, out_of_memory: bool | None) -> Diagnosis | None:
    """Say why a task ended, or does not come to run.

    Args:
        task: as inspected.
        node: name of its node.
        out_of_memory: whether its container was killed for want of memory; None when that cannot be seen.

    Returns:
        The diagnosis; None when it runs.
    """
    state, complaint = state_of(task), str(task["Status"].get("Err") or "")
    limit = ((task["Spec"].get("Resources") or {}).get("Limits") or {}).get("MemoryBytes") or 0
    if state == "running":
        return None
    if state in WAITS_FOR_NODE:
        detail = f"no node of the swarm takes it: {complaint or 'none has answered yet'}"
        return Diagnosis("no machine takes the server at present", detail=detail)
    if state == "rejected":
        return Diagnosis("a machine refuses the server", detail=f"node {node}: {complaint}")
    if exit_code_of(task) == KILLED and limit and out_of_memory is not False:
        how = "out of memory" if out_of_memory else "most likely out of memory"
        said = f"{how}: the server was killed at its limit of {limit / MEGABYTE:g} MB"
        return Diagnosis(said, detail="mem_limit")
    return Diagnosis("", detail=f"on node {node}: {complaint or step_of(task)}")
