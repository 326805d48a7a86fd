"""Retries, timeouts and cancellation for asynchronous code."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import inspect
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, ParamSpec, TypeVar, overload

from plughub.domain.backoff import Backoff
from plughub.domain.timings import CANCEL_TASKS_SECONDS

T = TypeVar("T")
P = ParamSpec("P")


def maybe_future(value: Any) -> asyncio.Future[Any]:
    """Wrap any value in a future.

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


@overload
def exponential_backoff(
    func: Callable[P, Any],
    max_retries: int = ...,
    initial_delay: float = ...,
    max_delay: float = ...,
    backoff_factor: float = ...,
) -> Callable[P, Coroutine[Any, Any, Any]]: ...
@overload
def exponential_backoff(
    *,
    max_retries: int = ...,
    initial_delay: float = ...,
    max_delay: float = ...,
    backoff_factor: float = ...,
) -> Callable[[Callable[P, Any]], Callable[P, Coroutine[Any, Any, Any]]]: ...
@overload
def exponential_backoff(
    func: Callable[..., Any], fail_message: str, *args: Any, **options: Any
) -> Coroutine[Any, Any, Any]: ...
def exponential_backoff(*args: Any, **options: Any) -> Any:
    """Retry with exponential backoff, in one of two forms.

    ``@exponential_backoff(max_retries=3, initial_delay=1.0)`` is a decorator that retries a function which
    raises an exception, see `retrying`. With a string as second argument,
    ``await exponential_backoff(func, "timed out", timeout=10)`` calls ``func`` until it returns a true value,
    see `wait_until`; JupyterHub has this form.

    Args:
        args: the function to decorate or to call, then positional arguments of `retrying` or `wait_until`;
            no function in ``@exponential_backoff(...)``.
        options: keyword arguments of `retrying` or `wait_until`.

    Returns:
        The decorated function, a decorator, or a coroutine.
    """
    func, *rest = args or (options.pop("func", None),)
    if "fail_message" in options or (rest and isinstance(rest[0], str)):
        return wait_until(func, *rest, **options)
    decorate = retrying(*rest, **options)
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
    """Call a function until it returns a true value.

    The delays are random below a growing bound, so that concurrent callers spread out.

    Args:
        pass_func: the function; may return an awaitable.
        fail_message: message of the timeout error.
        start_wait: bound of the first delay in seconds.
        scale_factor: factor by which the bound grows.
        max_wait: maximum of the bound in seconds.
        timeout: total time in seconds; a call that takes longer is cancelled.
        timeout_tolerance: random variation of the timeout, as a fraction of it.
        args: positional arguments of the function.
        kwargs: keyword arguments of the function.

    Returns:
        The first true value.

    Raises:
        TimeoutError: the function returned no true value in time.
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
    """Create a decorator that retries a function which raises an exception.

    Args:
        max_retries: number of retries after the first call.
        initial_delay: seconds before the first retry.
        max_delay: maximum delay in seconds.
        backoff_factor: factor by which the delay grows.

    Returns:
        The decorator. The decorated function is asynchronous and raises the exception of the last try.
    """
    backoff = Backoff(initial_delay, max_delay, backoff_factor)

    def decorate(func: Callable[P, Any]) -> Callable[P, Coroutine[Any, Any, Any]]:
        @functools.wraps(func)
        async def tried(*args: P.args, **kwargs: P.kwargs) -> Any:
            for failures in range(1, max_retries + 1):
                try:
                    return await maybe_future(func(*args, **kwargs))
                except Exception:  # noqa: BLE001 - retry after any error
                    await asyncio.sleep(backoff.after(failures))
            return await maybe_future(func(*args, **kwargs))

        return tried

    return decorate


_decorator_parameters = tuple(inspect.signature(retrying).parameters.values())
# Shown by help() and editors. The other form has a signature of its own, `wait_until`.
exponential_backoff.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [
        inspect.Parameter("func", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None),
        *_decorator_parameters,
    ]
)


async def cancel_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait up to ten seconds until they have ended.

    Args:
        tasks: the tasks; their results and exceptions are ignored.
    """
    waiting = [task for task in tasks if not task.done()]
    for task in waiting:
        task.cancel()
    if waiting:
        done, _ = await asyncio.wait(waiting, timeout=CANCEL_TASKS_SECONDS)
        await asyncio.gather(*done, return_exceptions=True)


def run_sync(async_func: Callable[[], Awaitable[T]] | Awaitable[T]) -> T:
    """Run asynchronous code to completion in a thread without a running event loop.

    Args:
        async_func: an ``async def`` without arguments, or a coroutine.

    Returns:
        Its result.

    Raises:
        RuntimeError: an event loop runs in this thread; use await instead.
    """

    async def run() -> T:
        return await (async_func() if callable(async_func) else async_func)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(run())
    raise RuntimeError("an event loop already runs in this thread: use await instead")
