"""Event loops in threads, for classes that block the loop on which they run."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")
log = logging.getLogger("plughub.plugin")

_END: Final[Any] = object()
_threads: Final[dict[asyncio.AbstractEventLoop, EventLoopThread]] = {}


class EventLoopThread:
    """Event loop that runs in a daemon thread until the process ends.

    Args:
        name: name of the plugin, for the thread and for log messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop = asyncio.new_event_loop()
        self._home: asyncio.AbstractEventLoop | None = None
        _threads[self._loop] = self
        threading.Thread(target=self._run, name=f"plughub-{name}-loop", daemon=True).start()

    async def run(self, step: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on this loop, and return its result. A cancellation reaches the coroutine."""
        here = asyncio.get_running_loop()
        if here is self._loop:
            return await step
        self._home = self._home or here
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_without_exit(step), self._loop))

    def run_blocking(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call a function on this loop, wait for its end, and return its result."""

        async def step() -> T:
            return function(*args, **kwargs)

        return asyncio.run_coroutine_threadsafe(_without_exit(step()), self._loop).result()

    async def run_at_home(self, step: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop of the hub, from this loop."""
        if self._home is None:
            return await step
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(step, self._home))

    def wait_at_home(self, step: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop of the hub, from this loop, and block this loop until it ends."""
        if self._home is None:
            raise RuntimeError(f"the loop of plugin {self._name!r} has not been used by the hub yet")
        return asyncio.run_coroutine_threadsafe(step, self._home).result()

    async def iterate(self, function: Callable[..., AsyncIterator[T]], *args: Any) -> AsyncGenerator[T]:
        """Run an asynchronous generator on this loop, and yield what it yields."""
        items = function(*args)
        # A cancelled step ends later than the wait for it, and a running generator cannot be closed.
        step = asyncio.Lock()
        try:
            while (item := await self.run(_next(items, step))) is not _END:
                yield item
        finally:
            await self.run(_close(items, step))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        while True:
            try:
                self._loop.run_forever()
            except SystemExit as error:  # of a task of the class; other servers need the loop
                log.error("plugin %r wanted to end the hub (exit code %s); ignored", self._name, error.code)


def current_thread() -> EventLoopThread | None:
    """Return the thread whose loop runs the caller; None on the hub's loop and in threads without a loop."""
    try:
        return _threads.get(asyncio.get_running_loop())
    except RuntimeError:
        return None


async def _without_exit(step: Coroutine[Any, Any, T]) -> T:
    try:
        return await step
    except SystemExit as error:  # it would end the loop
        raise RuntimeError(f"wanted to end the hub (exit code {error.code})") from error


async def _next(items: AsyncIterator[T], step: asyncio.Lock) -> T:
    async with step:
        return await anext(items, _END)


async def _close(items: AsyncIterator[Any], step: asyncio.Lock) -> None:
    async with step:
        if (close := getattr(items, "aclose", None)) is not None:
            await close()
