"""Learn at once that a container has ended or moved, or that the engine is gone.

The engine gives addresses out again: while a route still leads to the address of a container that has
ended, another user's container may get it. An engine that is restarted starts containers before it answers
anybody, so where they are is unknown from the moment that it does not answer any more.
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
"""What the engine says: of itself first, then an event at a time."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A container that was seen running.

    Attributes:
        operation: the start that it belongs to.
        has_place: no other container gets its port or address, not even after a restart of the engine.
    """

    operation: str
    has_place: bool


class EngineWatch:
    """Follows the events of an engine, for the containers of one plugin.

    Args:
        engine: the engine.
        mark: of the hub.
        plugin: who launched the containers.
    """

    def __init__(self, engine: Engine, mark: str, plugin: str) -> None:
        self._engine = engine
        self._list = (engine, mark, plugin)
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()
        self._is_away = False
        self._keeps_running = False

    def note(self, container_id: str, operation: str, *, has_place: bool) -> None:
        """Report a container from now on. For any thread.

        Args:
            container_id: it runs.
            operation: the start that it belongs to.
            has_place: no other container gets its port or address.
        """
        with self._lock:
            self._known[container_id] = _Known(operation, has_place)

    def has_lost(self, container_id: str) -> bool:
        """Tell whether a container's address may be another one's by now, and the engine cannot say."""
        known = self._known.get(container_id)
        return self._is_away and known is not None and not known.has_place

    async def changes(self) -> AsyncIterator[str]:
        """Report containers that have ended, started or changed networks; all when the engine goes or comes.

        Yields:
            The start that the container belongs to.
        """
        try:
            while True:
                async with contextlib.aclosing(_reports_of(self._engine)) as reports:
                    async for report in reports:
                        for operation in self._concerned(report):
                            yield operation
                await asyncio.sleep(WATCH_RETRY_SECONDS)
        finally:
            self._is_away = False

    def _concerned(self, report: Report | None) -> list[str]:
        """List the starts that a report concerns; None means that the engine does not answer."""
        if report is None:
            if self._is_away or self._keeps_running:
                return []
            self._is_away = True
            return self._all()
        container_list.drop(*self._list)
        if "LiveRestoreEnabled" in report:
            self._is_away, self._keeps_running = False, bool(report["LiveRestoreEnabled"])
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
    """Read what an engine reports until it breaks off; None stands for no answer within the grace."""
    loop, came = asyncio.get_running_loop(), asyncio.Queue[Report | None]()
    stream = _Stream(engine, lambda report: loop.call_soon_threadsafe(came.put_nowait, report))
    thread = threading.Thread(target=stream.read, name="plughub-docker-events", daemon=True)
    thread.start()
    try:
        try:
            first = await asyncio.wait_for(came.get(), WATCH_GRACE_SECONDS)
        except TimeoutError:
            yield None
            first = await came.get()
        yield first
        while first is not None and (report := await came.get()) is not None:
            yield report
    finally:
        stream.close()


class _Stream:
    """The events of an engine, read in a thread of their own: nothing else has to wait for it.

    Args:
        engine: the engine.
        tell: takes each report, and None when the engine breaks off.
    """

    def __init__(self, engine: Engine, tell: Callable[[Report | None], object]) -> None:
        self._engine = engine
        self._tell = tell
        self._events: Any = None
        self._closed = False

    def read(self) -> None:
        """Pass reports on until the engine breaks off."""
        with contextlib.suppress(EngineError), self._engine.asked() as client:
            self._events = client.events(filters=_WANTED, decode=True)
            if not self._closed:
                self._say(client.info())
                for event in self._events:
                    self._say(event)
        self._say(None)

    def close(self) -> None:
        """Have the thread end."""
        self._closed = True
        if self._events is not None:
            # Over ssh the library cannot end the report: its thread goes with the process.
            with contextlib.suppress(DockerException, OSError, AttributeError):
                self._events.close()

    def _say(self, report: Report | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the hub ends
            self._tell(report)


_WATCHES: Final[dict[tuple[str, str, str], EngineWatch]] = {}
_LOCK: Final = threading.Lock()


def watch_of(engine: Engine, mark: str, plugin: str) -> EngineWatch:
    """Return the watch of a plugin in this hub process, always the same for one engine.

    Args:
        engine: the engine.
        mark: of the hub.
        plugin: its name.

    Returns:
        The watch.
    """
    with _LOCK:
        key = (engine.address, mark, plugin)
        return _WATCHES.setdefault(key, EngineWatch(engine, mark, plugin))
