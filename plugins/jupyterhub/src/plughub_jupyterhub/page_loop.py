"""Handlers whose methods run on the event loop of their authenticator, so that they may block."""

from __future__ import annotations

import asyncio
import functools
import inspect
from asyncio import Future
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from tornado.web import Finish

from plughub.handlers import PageHandler
from plughub.threads import EventLoopThread, current_thread

T = TypeVar("T")


async def at_home(step: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the loop of the hub, from any loop."""
    thread = current_thread()
    return await (step if thread is None else thread.run_at_home(step))


def blocking_at_home(step: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the loop of the hub from a method of a page, and wait for its end.

    The coroutine must not call methods of classes, which wait for the loop of the page.
    """
    thread = current_thread()
    if thread is None:
        step.close()
        raise RuntimeError("the hub's own loop cannot wait: use the asynchronous methods")
    return thread.wait_at_home(step)


@functools.lru_cache
def _thread_of_pages() -> EventLoopThread:
    """Return the thread for pages without an authenticator."""
    return EventLoopThread("jupyterhub-pages")


class LoopPage(PageHandler):
    """Page that runs on another loop than the hub's. The hub sends its answer after the method has returned.

    Methods of JupyterHub that are synchronous there and asynchronous here, such as ``set_login_cookie``, add
    a step, which runs on the hub's loop before the answer is sent. If it fails, the answer is an error.

    Attributes:
        authenticator: the authenticator that registered the page; None for ``extra_handlers``.
    """

    authenticator: Any = None
    _is_running = False
    _method = ""
    _answer: tuple[Any, ...] | None = None

    async def prepare(self) -> None:
        """Authenticate the request, and lead its method to the other loop."""
        await super().prepare()
        self._steps: list[Callable[[], Awaitable[object]]] = []
        self._method = (self.request.method or "").lower()
        setattr(self, self._method, functools.partial(self._run, getattr(self, self._method)))

    def release(self) -> None:
        """Break the reference cycle of the method."""
        self.__dict__.pop(self._method, None)
        super().release()

    def add_step(self, step: Callable[[], Awaitable[object]]) -> None:
        """Run a function on the hub's loop before the answer is sent."""
        self._steps.append(step)

    def finish(self, chunk: Any = None) -> Future[None]:
        """End the answer. It is sent after the method has returned."""
        if not self._is_running:
            return super().finish(chunk)
        if self._answer is not None:
            raise RuntimeError("finish() called twice")
        self._answer = (chunk,)
        done: Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def flush(self, include_footers: bool = False) -> Future[None]:
        """Send what was written so far, for answers in parts."""
        thread = current_thread()
        if thread is None:
            return super().flush(include_footers)

        async def step() -> None:
            await super(LoopPage, self).flush(include_footers)

        return asyncio.ensure_future(thread.run_at_home(step()))

    async def _run(self, method: Callable[..., Any], *path: Any, **named: Any) -> None:
        self._is_running = True
        try:
            await self._thread().run(_result(method, *path, **named))
        except Finish as end:
            self._answer = self._answer or end.args or (None,)
        finally:
            self._is_running = False
        for step in self._steps:
            await step()
        if self._answer is not None:
            await super().finish(*self._answer)

    def _thread(self) -> EventLoopThread:
        owner = self.authenticator
        while owner is not None:
            if found := getattr(owner, "loop_thread", None):
                thread: EventLoopThread = found
                return thread
            owner = getattr(owner, "parent", None)
        return _thread_of_pages()


async def _result(method: Callable[..., Any], *path: Any, **named: Any) -> None:
    answer = method(*path, **named)
    if inspect.isawaitable(answer):
        await answer
