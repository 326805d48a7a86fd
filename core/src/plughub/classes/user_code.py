"""Calling what people write: methods of subclasses and functions in config files, whatever their colour."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

from plughub.plugin.threads import ThreadPools

_POOLS: Final = ThreadPools(size=16)


async def call(pool: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function and wait for its answer, without ever holding up the event loop.

    An ``async def`` and a ``tornado.gen.coroutine`` run on the loop. Anything else runs in a bounded
    thread pool; what it answers is awaited when it can be, such as the coroutine of a ``super()`` call.

    Args:
        pool: whose threads, usually the name of the plugin.
        function: what to call.
        args: its arguments.
        kwargs: its keyword arguments.

    Returns:
        What the function answers.
    """
    if runs_on_loop(function):
        return await function(*args, **kwargs)
    value = await _POOLS.run(pool, functools.partial(function, *args, **kwargs))
    return await value if inspect.isawaitable(value) else value


def runs_on_loop(function: Callable[..., Any]) -> bool:
    """Tell whether a function has to be called on the event loop.

    Args:
        function: a function, a method, a partial or an object with ``__call__``.

    Returns:
        True for ``async def``, and for what makes a future of the running loop: ``tornado.gen.coroutine``
        and ``tornado.concurrent.run_on_executor``.
    """
    plain = function.func if isinstance(function, functools.partial) else function
    return (
        inspect.iscoroutinefunction(plain)
        or bool(getattr(plain, "__tornado_coroutine__", False))
        or getattr(plain, "__globals__", {}).get("__name__") == "tornado.concurrent"
        or inspect.iscoroutinefunction(getattr(plain, "__call__", None))  # noqa: B004 - the method is wanted
    )
