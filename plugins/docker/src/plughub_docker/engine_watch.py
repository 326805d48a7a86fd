"""Watch of an engine's events: reports at once that a container ended or moved, or that the engine is down.

The engine reuses addresses: while a route still leads to the address of a container that has ended,
another user's container may get that address. A restarted engine starts containers before it answers
requests, so their addresses are unknown from the moment that it stops answering.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from docker.errors import DockerException

from plughub_docker import container_list
from plughub_docker.engine import Engine, EngineError
from plughub_docker.timings import WATCH_GRACE_SECONDS, WATCH_RETRY_SECONDS

_WANTED: Final = {
    "type": ["container", "network"],
    "event": ["die", "start", "destroy", "connect", "disconnect"],
}

Report = Mapping[str, Any]
"""What the engine reports: information on itself first, then single events."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A container that was seen running.

    Attributes:
        operation: operation id of its start.
        has_fixed_address: no other container gets its port or address, even after a restart of the engine.
    """

    operation: str
    has_fixed_address: bool


class EngineWatch:
    """Watch of an engine's events, for the containers of one plugin.

    Args:
        engine: the engine.
        mark: the hub's mark.
        plugin: name of the plugin that launched the containers.
    """

    def __init__(self, engine: Engine, mark: str, plugin: str) -> None:
        self._engine = engine
        self._list = (engine, mark, plugin)
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()
        self._is_live = False
        self._is_unreachable = False
        self._has_live_restore = False

    @property
    def is_live(self) -> bool:
        """Return whether the engine's events arrive at present."""
        return self._is_live

    def follows(self, container_id: str) -> bool:
        """Return whether events of a container are reported at present. Thread-safe."""
        return self._is_live and container_id in self._known

    def add(self, container_id: str, operation: str, *, has_fixed_address: bool) -> None:
        """Report events of a running container from now on. Thread-safe."""
        with self._lock:
            self._known[container_id] = _Known(operation, has_fixed_address)

    def may_have_lost_address(self, container_id: str) -> bool:
        """Return whether the engine is down and another container may have got this one's address."""
        known = self._known.get(container_id)
        is_down = self._is_unreachable and not self._has_live_restore
        return is_down and known is not None and not known.has_fixed_address

    async def changes(self) -> AsyncIterator[str]:
        """Yield the operations whose containers ended, started or changed networks; all when the stream of
        events breaks and when it is back.
        """
        try:
            while True:
                async with contextlib.aclosing(_reports_of(self._engine)) as reports:
                    async for report in reports:
                        for operation in self._affected(report):
                            yield operation
                self._is_live = False
                await asyncio.sleep(WATCH_RETRY_SECONDS)
        finally:
            self._is_live = self._is_unreachable = False

    def _affected(self, report: Report | None) -> list[str]:
        """Return the operations that a report affects; None means that the engine does not answer."""
        if report is None:
            was_unreachable, self._is_unreachable = self._is_unreachable, True
            return [] if was_unreachable else self._all()
        container_list.invalidate(*self._list)
        if "LiveRestoreEnabled" in report:
            self._is_unreachable, self._has_live_restore = False, bool(report["LiveRestoreEnabled"])
            self._is_live = True
            return self._all()
        about = report.get("Actor") or {}
        container = (about.get("Attributes") or {}).get("container") or about.get("ID") or ""
        with self._lock:
            known = self._known.pop(container, None) if report.get("Action") == "destroy" else None
            known = known or self._known.get(container)
        return [known.operation] if known else []

    def _all(self) -> list[str]:
        with self._lock:
            return [known.operation for known in self._known.values()]


async def _reports_of(engine: Engine) -> AsyncGenerator[Report | None, None]:
    """Yield an engine's reports until the connection ends; None means that it did not answer within the grace
    period.
    """
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[Report | None]()
    stream = _Stream(engine, lambda report: loop.call_soon_threadsafe(queue.put_nowait, report))
    thread = threading.Thread(target=stream.read, name="plughub-docker-events", daemon=True)
    thread.start()
    try:
        try:
            first = await asyncio.wait_for(queue.get(), WATCH_GRACE_SECONDS)
        except TimeoutError:
            yield None
            first = await queue.get()
        yield first
        while first is not None and (report := await queue.get()) is not None:
            yield report
    finally:
        stream.close()


class _Stream:
    """The events of an engine, read in a separate thread so that nothing else waits for them.

    Args:
        engine: the engine.
        callback: called with each report, and with None when the connection ends.
    """

    def __init__(self, engine: Engine, callback: Callable[[Report | None], object]) -> None:
        self._engine = engine
        self._callback = callback
        self._events: Any = None
        self._closed = False

    def read(self) -> None:
        """Pass on reports until the connection ends."""
        with contextlib.suppress(EngineError), self._engine.request() as client:
            self._events = client.events(filters=_WANTED, decode=True)
            if not self._closed:
                self._report(client.info())
                for event in self._events:
                    self._report(event)
        self._report(None)

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        if self._events is not None:
            # Over ssh the library cannot close the stream: the thread ends with the process.
            with contextlib.suppress(DockerException, OSError, AttributeError):
                self._events.close()

    def _report(self, report: Report | None) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed: the hub is shutting down
            self._callback(report)


_WATCHES: Final[dict[tuple[str, str, str], EngineWatch]] = {}
_LOCK: Final = threading.Lock()


def watch_of(engine: Engine, mark: str, plugin: str) -> EngineWatch:
    """Return the watch of a plugin: one per engine, mark and plugin in this hub process."""
    with _LOCK:
        key = (engine.address, mark, plugin)
        return _WATCHES.setdefault(key, EngineWatch(engine, mark, plugin))
