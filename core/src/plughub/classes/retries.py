"""Waiting and trying again, under the names that plugins know."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import inspect
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final, ParamSpec, TypeVar

from plughub.domain.backoff import Backoff

T = TypeVar("T")
P = ParamSpec("P")

_CANCEL_TIMEOUT: Final = 10.0


def maybe_future(value: Any) -> asyncio.Future[Any]:
    """Make something that can be awaited of any value.

    Args:
        value: an awaitable, a future of a thread pool, or a plain value.

    Returns:
        A future of the running loop.
    """
    if inspect.isawaitable(value):
        return asyncio.ensure_future(value)
    if isinstance(value, concurrent.futures.Future):
        return asyncio.wrap_future(value)
    future = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


def exponential_backoff(func: Any = None, fail_message: Any = None, *args: Any, **options: Any) -> Any:
    """Try again with growing pauses, in one of two forms.

    With a text as second argument, ``await exponential_backoff(func, "it never came", timeout=10)``
    waits until ``func`` answers something true, see `wait_until`. Without one it is a decorator for a
    function that may fail, ``@exponential_backoff(max_retries=3)``, see `retrying`.

    Args:
        func: what to call or to decorate; left out in ``@exponential_backoff(...)``.
        fail_message: text of the error when the time is up; without it, this is ``max_retries``.
        args: further arguments of the form in question, in its order.
        options: further arguments by name.

    Returns:
        A coroutine, the decorated function, or a decorator.
    """
    if isinstance(fail_message, str):
        return wait_until(func, fail_message, *args, **options)
    positional = () if fail_message is None else (fail_message, *args)
    decorate = retrying(*positional, **options)
    return decorate if func is None else decorate(func)


async def wait_until(
    pass_func: Callable[..., Any],
    fail_message: str,
    start_wait: float = 0.2,
    scale_factor: float = 2,
    max_wait: float = 5,
    timeout: float = 10,
    timeout_tolerance: float = 0.1,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Call a function until it answers something true.

    The pauses are random, up to a bound that grows, so that many callers do not come at once.

    Args:
        pass_func: the function; its answer may be awaitable.
        fail_message: text of the error when the time is up.
        start_wait: bound of the first pause in seconds.
        scale_factor: by what the bound grows.
        max_wait: bound of every pause in seconds.
        timeout: seconds in all; a call that takes longer is cancelled.
        timeout_tolerance: fraction by which the time-out varies.
        args: arguments of the function.
        kwargs: arguments of the function by name.

    Returns:
        The first true answer.

    Raises:
        TimeoutError: the time is up.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout * random.uniform(1 - timeout_tolerance, 1 + timeout_tolerance)  # noqa: S311 - spreads load
    pauses = Backoff(start_wait, max_wait, scale_factor, jitter=1.0).pauses()
    try:
        async with asyncio.timeout_at(deadline) as limit:
            while True:
                if answer := await maybe_future(pass_func(*args, **kwargs)):
                    return answer
                await asyncio.sleep(next(pauses))
    except TimeoutError as error:
        if limit.expired():
            raise TimeoutError(fail_message) from error
        raise


def retrying(
    max_retries: int = 5,
    initial_delay: float = 1.0,
    max_delay: float = 60.0,
    backoff_factor: float = 2.0,
) -> Callable[[Callable[P, Any]], Callable[P, Coroutine[Any, Any, Any]]]:
    """Make a decorator that calls a function again when it fails.

    Args:
        max_retries: further tries after the first.
        initial_delay: seconds before the second try.
        max_delay: seconds that no pause exceeds.
        backoff_factor: by what the pause grows.

    Returns:
        The decorator; what it makes is awaited and raises the last exception when all tries failed.
    """
    backoff = Backoff(initial_delay, max_delay, backoff_factor)

    def decorate(func: Callable[P, Any]) -> Callable[P, Coroutine[Any, Any, Any]]:
        @functools.wraps(func)
        async def tried(*args: P.args, **kwargs: P.kwargs) -> Any:
            for failures in range(1, max_retries + 1):
                try:
                    return await maybe_future(func(*args, **kwargs))
                except Exception:  # noqa: BLE001 - whatever it is, it is tried again
                    await asyncio.sleep(backoff.after(failures))
            return await maybe_future(func(*args, **kwargs))

        return tried

    return decorate


async def cancel_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended, ten seconds at most.

    Args:
        tasks: the tasks; how they end does not matter.
    """
    waiting = [task for task in tasks if not task.done()]
    for task in waiting:
        task.cancel()
    if waiting:
        done, _ = await asyncio.wait(waiting, timeout=_CANCEL_TIMEOUT)
        await asyncio.gather(*done, return_exceptions=True)


def run_sync(async_func: Callable[[], Awaitable[T]] | Awaitable[T]) -> T:
    """Run something asynchronous to its end, from a thread without a running loop.

    Args:
        async_func: an ``async def`` without arguments, or a coroutine.

    Returns:
        What it answers.

    Raises:
        RuntimeError: a loop runs in this thread; await it there instead.
    """

    async def run() -> T:
        return await (async_func() if callable(async_func) else async_func)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(run())
    raise RuntimeError("a loop runs in this thread already: await the function there")
