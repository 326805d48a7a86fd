"""The plugin ``swarm``: each server as a service of a Docker Swarm, which chooses the node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plughub import hookimpl

if TYPE_CHECKING:
    from plughub.spawner import Spawner

hub_contract = "1.0"


@hookimpl
def hub_register_spawner() -> type[Spawner]:
    """Return `SwarmSpawner`."""
    from plughub_docker.swarm_spawner import SwarmSpawner  # noqa: PLC0415 - imported only when used

    return SwarmSpawner
