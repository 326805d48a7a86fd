"""A spawner for load tests: one tiny web server in the hub's own process answers for all servers.

They end with the hub. ``PLUGHUB_TESTING_SPAWN_SECONDS`` sets the duration of a start in seconds.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final

from plughub import hookimpl
from plughub.kinds import Endpoint, Server, SpawnerInfo
from plughub.testing.doubles import TinyServers

VARIABLE: Final = "PLUGHUB_TESTING_SPAWN_SECONDS"
_tiny = TinyServers()


@hookimpl
def hub_spawner_info() -> SpawnerInfo:
    """Describe the spawner."""
    return SpawnerInfo(label="Quick", start_timeout=60, http_timeout=60)


@hookimpl
async def hub_spawn(server: Server) -> Endpoint:
    """Start a server after the configured time."""
    await asyncio.sleep(float(os.environ.get(VARIABLE, "0.05")))
    return await _tiny.hub_spawn(server)


@hookimpl
async def hub_poll(server: Server) -> int | None:
    """Return None while the server runs, else its exit code."""
    return await _tiny.hub_poll(server)


@hookimpl
async def hub_stop(server: Server) -> None:
    """Stop the server."""
    await _tiny.hub_stop(server)
