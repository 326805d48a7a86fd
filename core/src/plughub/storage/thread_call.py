"""Calls in threads, awaited by the event loop for a limited time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")


class ReusedThreads:
    """Threads of which one serves all calls that do not overlap.

    A call costs half of one with `asyncio.loop.run_in_executor`: it has one future instead of three, and no
    timer of its own. The threads of an executor also take turns, although each has its own connection, which
    caches pages.

    Args:
        size: largest number of threads; they are started when they are needed.
        name: prefix of their names.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size, self._name = size, name
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle: list[_Inbox] = []
        self._queue: deque[_Call[Any]] = deque()
        self._is_closed = False
        self._results: _Results | None = None

    async def run(
        self, function: Callable[[], T], deadline: Callable[[], float], expired: Callable[[], Exception]
    ) -> T:
        """Run a function in the thread that was last busy, or in another one if all of these are busy.

        Args:
            function: the blocking function; it is dropped if nobody waits for it when a thread is free.
            deadline: returns when to give up, by the monotonic clock; called again at that time.
            expired: called when the time is up; its result is raised.

        Returns:
            The result of the function.

        Raises:
            RuntimeError: `shutdown` was called.
        """
        results = self._results
        if results is None or results.loop is not asyncio.get_running_loop():
            results = self._results = _Results(asyncio.get_running_loop())
        call = _Call(function, deadline, expired, results)
        self._submit(call)
        results.expect(call)
        try:
            return await call.answer
        finally:
            results.forget(call)

    def shutdown(self) -> None:
        """Wait for the running calls and drop the others."""
        with self._lock:
            self._is_closed = True
            self._queue.clear()
            idle, self._idle = self._idle, []
        for inbox in idle:
            inbox.put(None)
        for thread in self._threads:
            thread.join()

    def _submit(self, call: _Call[Any]) -> None:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the threads were shut down")
            if self._idle:
                self._idle.pop().put(call)
            elif len(self._threads) < self._size:
                name = f"{self._name}_{len(self._threads)}"
                thread = threading.Thread(target=self._serve, args=(call,), name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
            else:
                self._queue.append(call)

    def _serve(self, call: _Call[Any] | None) -> None:
        inbox: _Inbox = SimpleQueue()
        while call is not None:
            call.serve()
            # Idle before the loop gets the result: else its next call could go to another thread.
            following, is_last = self._take_next(inbox)
            call.results.report(call)
            call = following
            if call is None and not is_last:
                call = inbox.get()

    def _take_next(self, inbox: _Inbox) -> tuple[_Call[Any] | None, bool]:
        """Return a waiting call, or mark the thread as idle; and whether the thread is to end."""
        with self._lock:
            while self._queue:
                call = self._queue.popleft()
                if call.is_awaited:
                    return call, False
            if not self._is_closed:
                self._idle.append(inbox)
            return None, self._is_closed


class _Call(Generic[T]):
    """One call in a thread, and what it returned or raised."""

    __slots__ = ("_error", "_function", "_result", "answer", "deadline", "expired", "is_awaited", "results")

    def __init__(
        self,
        function: Callable[[], T],
        deadline: Callable[[], float],
        expired: Callable[[], Exception],
        results: _Results,
    ) -> None:
        self._function = function
        self._result: Any = None
        self._error: BaseException | None = None
        self.deadline = deadline
        self.expired = expired
        self.results = results
        self.answer: asyncio.Future[T] = results.loop.create_future()
        self.is_awaited = True

    def serve(self) -> None:
        """Run the function, in its thread."""
        try:
            self._result = self._function()
        except BaseException as error:  # noqa: BLE001 - raised again where the result is awaited
            self._error = error

    def settle(self) -> None:
        """Pass the outcome to the coroutine that waits for it, in the event loop."""
        result, error = self._result, self._error
        self._result = self._error = None  # the error's traceback refers to this call
        if self.answer.done():
            return
        if error is not None:
            self.answer.set_exception(error)
        else:
            self.answer.set_result(result)


_Inbox = SimpleQueue[_Call[Any] | None]
_NEVER: Final = float("inf")


class _Results:
    """Results on their way to an event loop, and the calls that it waits for.

    Threads wake the loop once for all results that it has not received yet. One timer serves all calls:
    usually none is late.

    Args:
        loop: the loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._finished: deque[_Call[Any]] = deque()
        self._is_waking = False
        self._expected: set[_Call[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = _NEVER

    def report(self, call: _Call[Any]) -> None:
        """Deliver the outcome of a call, from its thread."""
        self._finished.append(call)
        if not self._is_waking:
            self._is_waking = True
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits
                self.loop.call_soon_threadsafe(self._deliver)

    def expect(self, call: _Call[Any]) -> None:
        """Fail the call at its deadline, unless it is finished."""
        self._expected.add(call)
        self._look_at(call.deadline())

    def forget(self, call: _Call[Any]) -> None:
        """Note that nobody waits for the call any more."""
        call.is_awaited = False
        self._expected.discard(call)

    def _deliver(self) -> None:
        self._is_waking = False  # first, so that a thread that adds a result later wakes us again
        while self._finished:
            self._finished.popleft().settle()

    def _look_at(self, deadline: float) -> None:
        """Look for late calls at a time, unless this will happen earlier."""
        if deadline >= self._looks_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at = deadline
        self._timer = self.loop.call_later(max(0.0, deadline - time.monotonic()), self._end_late_calls)

    def _end_late_calls(self) -> None:
        self._looks_at, earliest = _NEVER, _NEVER
        for call in self._expected:
            deadline = call.deadline()
            if deadline > time.monotonic():
                earliest = min(earliest, deadline)
            elif not call.answer.done():
                call.answer.set_exception(call.expired())
        self._look_at(earliest)
