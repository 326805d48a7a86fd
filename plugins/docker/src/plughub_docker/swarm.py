"""The plugin ``swarm``: each server as a service of a Docker Swarm, on whichever machine has room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plughub import hookimpl

if TYPE_CHECKING:
    from plughub.spawner import Spawner


@hookimpl
def hub_register_spawner() -> type[Spawner]:
    """Offer `SwarmSpawner`."""
    from plughub_docker.swarm_spawner import SwarmSpawner  # noqa: PLC0415 - only when it is used

    return SwarmSpawner
