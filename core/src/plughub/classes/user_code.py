"""Calls of user code: methods of subclasses and functions of config files, synchronous or not."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

from plughub.classes.event_loop_thread import current_thread
from plughub.plugin.threads import ThreadPools

_POOLS: Final = ThreadPools(size=16)


async def call(pool: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function and return its result, without blocking the event loop of the hub.

    An ``async def`` and a ``tornado.gen.coroutine`` run on the loop. Any other function runs in a bounded
    thread pool, and its result is awaited if possible, such as the coroutine of a ``super()`` call.
    Everything runs on the loop for objects whose class has a loop of its own.

    Args:
        pool: name of the thread pool, usually the name of the plugin.
        function: the function.
        args: positional arguments.
        kwargs: keyword arguments.
    """
    here = current_thread()
    owner = getattr(function, "__self__", None)
    thread = getattr(owner, "loop_thread", here)
    if thread is not None and thread is not here:
        return await thread.run(call(pool, function, *args, **kwargs))
    if here is not None and thread is None:
        return await here.run_at_home(call(pool, function, *args, **kwargs))
    if runs_on_loop(function):
        return await function(*args, **kwargs)
    step = functools.partial(function, *args, **kwargs)
    value = await _POOLS.run(pool, step) if here is None else step()
    return await value if inspect.isawaitable(value) else value


def runs_on_loop(function: Callable[..., Any]) -> bool:
    """Return whether a function must be called on the event loop.

    Args:
        function: a function, a method, a partial or an object with ``__call__``.

    Returns:
        True for ``async def``, and for functions that return a future of the running loop:
        ``tornado.gen.coroutine`` and ``tornado.concurrent.run_on_executor``.
    """
    plain = function.func if isinstance(function, functools.partial) else function
    return (
        inspect.iscoroutinefunction(plain)
        or bool(getattr(plain, "__tornado_coroutine__", False))
        or getattr(plain, "__globals__", {}).get("__name__") == "tornado.concurrent"
        or inspect.iscoroutinefunction(getattr(plain, "__call__", None))  # noqa: B004 - inspects the method
    )


def accepts(function: Callable[..., Any], *args: Any) -> bool:
    """Return whether a function can be called with some positional arguments.

    Args:
        function: any callable; one that is not written in Python may have no signature, and counts as True.
        args: the arguments.
    """
    try:
        inspect.signature(function).bind(*args)
    except TypeError:
        return False
    except ValueError:
        return True
    return True
