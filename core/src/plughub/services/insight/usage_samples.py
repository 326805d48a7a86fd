"""Regular measurements of all running servers, for the metrics."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from plughub.domain.servers import ServerRecord
from plughub.domain.timings import USAGE_SAMPLE_SECONDS
from plughub.kinds import Usage
from plughub.services.coordination.background_loops import repeat
from plughub.services.coordination.leases import Leadership
from plughub.services.observability.metrics import Metrics, ServerUsage
from plughub.services.servers.usage import UsageService
from plughub.services.settings import HubSettings
from plughub.storage.store import Store

log = logging.getLogger("plughub.usage")
CHUNK: Final = 50
"""Servers that are read from the database together."""
PAUSES: Final = 9
"""A round is followed by a pause that is at least so many times as long."""
NO_METRICS: Final = "none"
EACH_SERVER: Final = "server"


class UsageSamples:
    """Measures the running servers of each plugin while the metrics are being read.

    One of several hub processes measures, or one on each machine for a plugin that is bound to a machine, so
    that the metrics of all processes can be added up.

    Args:
        store: the storage.
        settings: settings of the hub.
        usage: measures servers.
        metrics: metrics of this process.
    """

    def __init__(self, store: Store, settings: HubSettings, usage: UsageService, metrics: Metrics) -> None:
        self._store = store
        self._settings = settings
        self._usage = usage
        self._metrics = metrics
        self._leaderships = {
            plugin: Leadership(
                store, settings, f"usage:{plugin}" + (f"@{settings.host}" if info.host_bound else "")
            )
            for plugin, info in settings.spawners.items()
        }

    async def run(self) -> None:
        """Measure until cancelled."""
        await asyncio.gather(*map(self._run_plugin, self._leaderships))

    async def _run_plugin(self, plugin: str) -> None:
        problem = f"cannot measure the servers of plugin {plugin}"
        await repeat(partial(self._round, plugin), USAGE_SAMPLE_SECONDS, problem, log)

    async def _round(self, plugin: str) -> None:
        begin = time.monotonic()
        await self.sample(plugin)
        await asyncio.sleep(max(PAUSES * (time.monotonic() - begin) - USAGE_SAMPLE_SECONDS, 0))

    async def sample(self, plugin: str) -> None:
        """Measure the running servers of a plugin, if the metrics are read and no other process does it."""
        is_wanted = (
            self._settings.server_usage_metrics != NO_METRICS
            and self._metrics.was_read_recently
            and self._usage.is_measured_by(plugin)
        )
        if not is_wanted or not await self._leaderships[plugin].acquire():
            self._metrics.forget_server_usage(plugin)
            return
        names = {plugin, ""} if plugin == self._settings.default_spawner else {plugin}
        running = await self._store.read(lambda tx: tx.servers.running(names, {"", self._settings.host}))
        found: list[ServerUsage] = []
        for begin in range(0, len(running), CHUNK):
            found += await self._measure([key for key, _ in running[begin : begin + CHUNK]])
        each = self._settings.server_usage_metrics == EACH_SERVER
        self._metrics.set_server_usage(plugin, found, each=each)

    async def _measure(self, keys: Sequence[int]) -> list[ServerUsage]:
        servers = await self._store.read(lambda tx: tx.servers.by_ids(list(keys)))
        readings = await asyncio.gather(*(self._usage.read(server, patient=False) for server in servers))
        return [
            _server_usage(server, reading.usage)
            for server, reading in zip(servers, readings, strict=True)
            if reading is not None
        ]


def _server_usage(server: ServerRecord, usage: Usage) -> ServerUsage:
    return ServerUsage(server.user, server.name, cores=usage.cpu or 0, memory=usage.memory or 0)
