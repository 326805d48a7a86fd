"""The plugin ``localprocess``: servers as processes of the system users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plughub import hookimpl
from plughub_localprocess import paths

if TYPE_CHECKING:
    from plughub.kinds import HubContext
    from plughub.spawner import Spawner

hub_contract = "1.0"


@hookimpl
def hub_configure(context: HubContext) -> None:
    """Store the folder for logs."""
    paths.set_runtime_dir(context)


@hookimpl
def hub_register_spawner() -> type[Spawner]:
    """Return `LocalProcessSpawner`."""
    from plughub_localprocess.spawner import LocalProcessSpawner  # noqa: PLC0415 - imported only when used

    return LocalProcessSpawner
