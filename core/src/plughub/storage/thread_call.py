"""Calls in threads, awaited by the event loop for a limited time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class ReusedThreads:
    """Threads of which one serves all calls that do not overlap.

    The threads of a pool take turns instead: they wake up more often, and each has its own connection, which
    caches pages.

    Args:
        size: largest number of threads.
        name: prefix of their names.
    """

    def __init__(self, size: int, name: str) -> None:
        self._first = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-first")
        self._others = ThreadPoolExecutor(size - 1, thread_name_prefix=name) if size > 1 else self._first
        self._is_first_busy = False

    def submit(self, function: Callable[[], None]) -> Future[None]:
        """Run a function in a thread that is free, or in the next one that will be."""
        if self._is_first_busy:
            return self._others.submit(function)
        self._is_first_busy = True
        future = self._first.submit(function)
        future.add_done_callback(self._release_first)
        return future

    def shutdown(self) -> None:
        """Wait for the running calls and drop the others."""
        for pool in (self._first, self._others):
            pool.shutdown(wait=True, cancel_futures=True)

    def _release_first(self, _future: Future[None]) -> None:
        self._is_first_busy = False


class ThreadCall(Generic[T]):
    """One call in a thread.

    This costs half of `asyncio.loop.run_in_executor` with `asyncio.wait`, which create two more futures and
    take more turns of the event loop.

    Args:
        function: the blocking function.
        deadline: returns when to give up, by the monotonic clock; called again at that time.
        expired: called when the time is up; its result is raised.
    """

    __slots__ = ("_answer", "_deadline", "_expired", "_function", "_loop", "_timer")

    def __init__(
        self, function: Callable[[], T], deadline: Callable[[], float], expired: Callable[[], Exception]
    ) -> None:
        self._function = function
        self._deadline = deadline
        self._expired = expired
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[T] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, pool: ReusedThreads) -> T:
        """Run the call and return its result.

        Args:
            pool: the threads; a call that none has begun is dropped when nobody waits for it any more.
        """
        waiting = pool.submit(self._serve)
        self._check_time()
        try:
            return await self._answer
        finally:
            if self._timer is not None:
                self._timer.cancel()
            waiting.cancel()

    def _serve(self) -> None:
        try:
            result = self._function()
        except BaseException as error:  # noqa: BLE001 - raised again where the result is awaited
            self._loop.call_soon_threadsafe(self._settle, self._answer.set_exception, error)
        else:
            self._loop.call_soon_threadsafe(self._settle, self._answer.set_result, result)

    def _settle(self, settle: Callable[[Any], None], value: Any) -> None:
        if not self._answer.done():
            settle(value)

    def _check_time(self) -> None:
        """End the wait if the time is up, and schedule the next check otherwise."""
        seconds = self._deadline() - time.monotonic()
        if seconds > 0:
            self._timer = self._loop.call_later(seconds, self._check_time)
        elif not self._answer.done():
            self._answer.set_exception(self._expired())
