"""The plugin ``system-user``: containers that run as system users of the hub's machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plughub import hookimpl

if TYPE_CHECKING:
    from plughub.spawner import Spawner

hub_contract = "1.0"


@hookimpl
def hub_register_spawner() -> type[Spawner]:
    """Return `SystemUserSpawner`."""
    from plughub_docker.system_user_spawner import SystemUserSpawner  # noqa: PLC0415 - imported only when used

    return SystemUserSpawner
