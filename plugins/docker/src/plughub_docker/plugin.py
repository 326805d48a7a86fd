"""The plugin ``docker``: each server in a container of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plughub import hookimpl

if TYPE_CHECKING:
    from plughub.spawner import Spawner

hub_contract = "1.0"


@hookimpl
def hub_register_spawner() -> type[Spawner]:
    """Return `DockerSpawner`."""
    from plughub_docker.spawner import DockerSpawner  # noqa: PLC0415 - imported only when used

    return DockerSpawner
