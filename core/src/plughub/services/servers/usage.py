"""Resources that running servers use, measured by their spawners and cached."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Final

from plughub.domain.errors import HubError
from plughub.domain.servers import ServerRecord
from plughub.domain.timings import (
    USAGE_BASE_SECONDS,
    USAGE_EARLIER_SECONDS,
    USAGE_HISTORY_SECONDS,
    USAGE_SECONDS,
)
from plughub.kinds import Server, Usage
from plughub.plugin.hooks import Hooks
from plughub.services.server_records import stored_view
from plughub.services.servers.shared_readings import SharedReadings
from plughub.services.settings import HubSettings
from plughub.storage.store import Store

log = logging.getLogger("plughub.usage")
AT_ONCE: Final = 4
"""Servers of one plugin that are measured at the same time: polls of servers share its threads."""
REMEMBERED: Final = 2000
"""Launches whose usage is remembered."""
POINTS: Final = 60
"""Readings of one launch that are remembered."""
Launch = tuple[int, str]
"""Key of a server, and id of the start that launched it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Usage of a server at one time.

    Attributes:
        at: seconds since the epoch.
        usage: what was measured, with the cores in use.
    """

    at: float
    usage: Usage


@dataclass(frozen=True, slots=True)
class _Readings:
    """What is known about one launch: the last reading, None if it failed, and all that are remembered."""

    last: Reading | None = None
    all: tuple[Reading, ...] = ()


class UsageService:
    """Measures servers; many callers share one reading.

    Each hub process remembers its own readings: their loss is harmless.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.

    Attributes:
        readings: the readings by launch.
    """

    def __init__(self, store: Store, hooks: Hooks, settings: HubSettings) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self.readings: SharedReadings[Launch, _Readings] = SharedReadings(USAGE_SECONDS, REMEMBERED)
        self._slots = {plugin: asyncio.Semaphore(AT_ONCE) for plugin in settings.spawners}

    def is_measured_by(self, plugin: str) -> bool:
        """Return whether a spawner measures its servers."""
        return plugin in self._slots and self._hooks.reports_usage(plugin)

    def is_reported(self, server: ServerRecord) -> bool:
        """Return whether the usage of a server can be known: it runs, here, and its spawner measures it."""
        plugin = server.backend or self._settings.default_spawner
        is_here = server.host in {"", self._settings.host}
        return server.running and is_here and self.is_measured_by(plugin)

    def latest(self, server: ServerRecord) -> Reading | None:
        """Return the last reading of a server without measuring it; None if there is none."""
        return self._known(server).last

    def history(self, server: ServerRecord) -> tuple[Reading, ...]:
        """Return the remembered readings of a running server, oldest first."""
        since = time.time() - USAGE_HISTORY_SECONDS
        return tuple(one for one in self._known(server).all if one.at >= since)

    async def read(self, server: ServerRecord, *, patient: bool = True) -> Reading | None:
        """Measure a server, unless it was measured in the last seconds.

        Args:
            server: the server.
            patient: measure CPU times twice if no earlier reading is known, which takes half a second;
                otherwise the cores in use are then unknown.

        Returns:
            The reading; None if it is unknown, or the server does not run.
        """
        if not self.is_reported(server):
            return None
        measure = partial(self._measure, server, patient)
        return (await self.readings.get((server.id, server.launch), measure)).last

    def _known(self, server: ServerRecord) -> _Readings:
        known = self.readings.latest((server.id, server.launch)) if server.running else None
        return known or _Readings()

    async def _measure(self, server: ServerRecord, patient: bool, before: _Readings | None) -> _Readings:
        known = before or _Readings()
        try:
            view = await self._store.read(lambda tx: stored_view(tx, self._settings, server))
            reading = await self._ask(server, view)
            last = known.last
            if patient and reading and _needs_base(reading, last):
                last = reading
                await asyncio.sleep(USAGE_BASE_SECONDS)
                reading = await self._ask(server, view)
        except HubError as error:
            log.debug("%s: the usage is unknown: %s", server.full_name, error)
            return _Readings(None, known.all)
        if reading is None:
            return _Readings(None, known.all)
        reading = _with_cores(reading, last)
        return _Readings(reading, (*known.all, reading)[-POINTS:])

    async def _ask(self, server: ServerRecord, view: Server) -> Reading | None:
        plugin = server.backend or self._settings.default_spawner
        async with self._slots[plugin]:
            return _reading(await self._hooks.usage(plugin, view))


def _reading(usage: Usage | None) -> Reading | None:
    """Return what a plugin has measured, without values that are no amounts."""
    if not isinstance(usage, Usage):
        return None
    wrong = {name: None for name, value in _values(usage) if not _is_amount(value)}
    return Reading(time.time(), replace(usage, **wrong))


def _values(usage: Usage) -> Iterator[tuple[str, object]]:
    return ((one.name, getattr(usage, one.name)) for one in fields(usage))


def _is_amount(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value >= 0  # type: ignore[arg-type, operator]


def _earlier(reading: Reading, last: Reading | None) -> tuple[float, float] | None:
    """Return the time and the CPU time of an earlier reading that allows to compute cores."""
    seconds = reading.usage.cpu_seconds
    before = last.usage.cpu_seconds if last else None
    if last is None or before is None or seconds is None or seconds < before:
        return None  # processes have been replaced, or their number was given to others
    return (last.at, before) if 0 < reading.at - last.at <= USAGE_EARLIER_SECONDS else None


def _needs_base(reading: Reading, last: Reading | None) -> bool:
    usage = reading.usage
    return usage.cpu is None and usage.cpu_seconds is not None and _earlier(reading, last) is None


def _with_cores(reading: Reading, last: Reading | None) -> Reading:
    earlier, usage = _earlier(reading, last), reading.usage
    if usage.cpu is not None or usage.cpu_seconds is None or earlier is None:
        return reading
    cores = (usage.cpu_seconds - earlier[1]) / (reading.at - earlier[0])
    return replace(reading, usage=replace(usage, cpu=cores))
