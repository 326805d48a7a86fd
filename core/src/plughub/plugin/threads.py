"""Bounded thread pools for blocking calls, one for each plugin.

A slow plugin thereby delays no other. The threads are daemons: the pools of the standard library are joined
at exit, so that one call that never returns would prevent the hub from exiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from plughub.plugin.fair_share import slots_in_use

T = TypeVar("T")
Call = tuple[Future[Any], Callable[[], Any], str]
log = logging.getLogger("plughub.plugin")


class ThreadPools:
    """Bounded thread pools by name, created on first use.

    Args:
        size: threads in each pool.
    """

    def __init__(self, size: int = 8) -> None:
        self._size = size
        self._pools: dict[str, _Pool] = {}

    async def run(self, name: str, function: Callable[..., T], *args: object) -> T:
        """Run a blocking function in a pool and return its result.

        Args:
            name: name of the pool and of its threads.
            function: the function.
            args: its arguments.

        Returns:
            The result of the function.
        """
        call = functools.partial(contextvars.copy_context().run, function, *args)
        future = self._pool(name).submit(call, _name_of(function, args))
        for slot in slots_in_use.get():  # the thread may outlive its timeout
            slot.hold()
            future.add_done_callback(lambda _, slot=slot: slot.drop_from_thread())  # type: ignore[misc]
        answer: T = await asyncio.wrap_future(future)
        return answer

    def load(self) -> dict[str, tuple[int, int]]:
        """Return the load of each pool.

        Returns:
            Numbers of busy threads and of waiting calls by name of the pool.
        """
        return {name: (pool.busy, pool.waiting) for name, pool in self._pools.items()}

    def explain_congestion(self, name: str) -> str:
        """Explain why a call waits if no thread is free, and log it once.

        Args:
            name: name of the pool.

        Returns:
            A clause with the running functions and their age; empty if a thread is free.
        """
        pool = self._pools.get(name)
        return "" if pool is None else pool.explain_congestion()

    def close(self) -> None:
        """Accept no more calls and cancel waiting ones; running ones are not awaited."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def _pool(self, name: str) -> _Pool:
        if name not in self._pools:
            self._pools[name] = _Pool(name, self._size)
        return self._pools[name]


class _Pool:
    """Threads that take calls from one queue; a new thread starts if all are busy.

    Args:
        name: name of the threads.
        size: largest number of threads.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._started = 0
        self._running: dict[int, tuple[str, float]] = {}
        self._is_congested = False
        self._idle = threading.Semaphore(0)
        self._waiting: queue.SimpleQueue[Call | None] = queue.SimpleQueue()

    @property
    def busy(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return self._waiting.qsize()

    def submit(self, function: Callable[[], Any], what: str) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.put((future, function, what))
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

    def explain_congestion(self) -> str:
        running = list(self._running.values())
        if len(running) < self._size:
            self._is_congested = False
            return ""
        oldest = time.monotonic() - min(since for _, since in running)
        what = ", ".join(sorted({name for name, _ in running}))
        text = f"all {self._size} threads of plugin {self._name!r} are busy, for up to {oldest:.0f} s: {what}"
        if not self._is_congested:
            self._is_congested = True
            log.error("%s", text)
        return f"({text})"

    def _work(self) -> None:
        me = threading.get_ident()
        while call := self._waiting.get():
            future, function, what = call
            self._running[me] = (what, time.monotonic())
            _finish(future, function)
            del self._running[me], future, function
            # Objects that the call refers to must not stay alive until the next call.
            del call
            self._idle.release()


def _name_of(function: Callable[..., Any], arguments: tuple[object, ...]) -> str:
    """Return the name of the plugin's function, even if it is wrapped by a function of the hub."""
    called: object = next(filter(callable, arguments), function)
    while isinstance(called, functools.partial):
        called = called.func
    return str(getattr(called, "__qualname__", called))


def _finish(future: Future[Any], function: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(function())
    except StopIteration as error:
        # A future of asyncio cannot raise StopIteration: its awaiter would wait permanently.
        future.set_exception(RuntimeError(f"StopIteration was raised: {error}"))
    except BaseException as error:  # noqa: BLE001 - raised again where the result is awaited
        future.set_exception(error)
