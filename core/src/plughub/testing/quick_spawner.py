"""A spawner for tests of load: its servers are answered by one tiny web server in the hub's own process.

They end with the hub. ``PLUGHUB_TESTING_SPAWN_SECONDS`` says how long a start takes.
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
    """Describe it."""
    return SpawnerInfo(label="Quick", start_timeout=60, http_timeout=60)


@hookimpl
async def hub_spawn(server: Server) -> Endpoint:
    """Start a tiny web server, after a while."""
    await asyncio.sleep(float(os.environ.get(VARIABLE, "0.05")))
    return await _tiny.hub_spawn(server)


@hookimpl
async def hub_poll(server: Server) -> int | None:
    """Look whether it runs."""
    return await _tiny.hub_poll(server)


@hookimpl
async def hub_stop(server: Server) -> None:
    """Stop it."""
    await _tiny.hub_stop(server)
