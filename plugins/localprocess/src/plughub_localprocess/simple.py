"""The plugin ``simple``: servers as processes of the hub's own user, for trying things out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plughub import hookimpl
from plughub_localprocess import paths

if TYPE_CHECKING:
    from plughub.kinds import HubContext
    from plughub.spawner import Spawner


@hookimpl
def hub_configure(context: HubContext) -> None:
    """Note where logs are kept."""
    paths.remember(context)


@hookimpl
def hub_register_spawner() -> type[Spawner]:
    """Offer `SimpleLocalProcessSpawner`."""
    from plughub_localprocess.simple_spawner import (  # noqa: PLC0415 - only when it is used
        SimpleLocalProcessSpawner,
    )

    return SimpleLocalProcessSpawner
