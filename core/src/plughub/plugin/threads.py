"""Bounded threads for what may block: a pool for each plugin, so that a slow one stalls nobody else.

The pools of the standard library are joined when the process ends, so that one call that never returns
would keep the hub from ending. These are daemon threads: nobody waits for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
Call = tuple[Future[Any], Callable[[], Any]]


class ThreadPools:
    """One bounded thread pool for each name, made when it is first needed.

    Args:
        size: threads in each pool.
    """

    def __init__(self, size: int = 8) -> None:
        self._size = size
        self._pools: dict[str, _Pool] = {}

    async def run(self, name: str, function: Callable[..., T], *args: object) -> T:
        """Run a blocking function in the pool of that name and wait for its answer.

        Args:
            name: whose pool; it is also the name of the threads.
            function: what to run.
            args: its arguments.

        Returns:
            What the function answers.
        """
        call = functools.partial(contextvars.copy_context().run, function, *args)
        answer: T = await asyncio.wrap_future(self._pool(name).submit(call))
        return answer

    def load(self) -> dict[str, tuple[int, int]]:
        """Tell what the threads do.

        Returns:
            By name of the pool: threads that work, and calls that wait for one.
        """
        return {name: (pool.busy, pool.waiting) for name, pool in self._pools.items()}

    def close(self) -> None:
        """Take no more work and drop what waits; what runs is not waited for."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def _pool(self, name: str) -> _Pool:
        if name not in self._pools:
            self._pools[name] = _Pool(name, self._size)
        return self._pools[name]


class _Pool:
    """Threads that take calls from one queue; a new one starts when all are busy.

    Args:
        name: name of the threads.
        size: how many there may be.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._started = 0
        self.busy = 0
        self._counting = threading.Lock()
        self._idle = threading.Semaphore(0)
        self._waiting: queue.SimpleQueue[Call | None] = queue.SimpleQueue()

    @property
    def waiting(self) -> int:
        return self._waiting.qsize()

    def submit(self, function: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.put((future, function))
        if not self._idle.acquire(blocking=False) and self._started < self._size:
            self._started += 1
            name = f"plughub-{self._name}-{self._started}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
        return future

    def close(self) -> None:
        with contextlib.suppress(queue.Empty):
            while call := self._waiting.get_nowait():
                call[0].cancel()
        for _ in range(self._started):
            self._waiting.put(None)

    def _work(self) -> None:
        while call := self._waiting.get():
            self._count(1)
            _finish(*call)
            self._count(-1)
            # what the call refers to must not live on until the next one
            del call
            self._idle.release()

    def _count(self, more: int) -> None:
        with self._counting:
            self.busy += more


def _finish(future: Future[Any], function: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(function())
    except StopIteration as error:
        # asyncio cannot pass it on: whoever waits would wait for ever
        future.set_exception(RuntimeError(f"StopIteration was raised: {error}"))
    except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
        future.set_exception(error)
