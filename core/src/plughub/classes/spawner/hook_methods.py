"""Hooks of a spawner: functions of the config file, and methods that a subclass defines under their names."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from plughub.classes.user_code import accepts, call, runs_on_loop

if TYPE_CHECKING:
    from plughub.classes.spawner.spawner import Spawner


async def call_hook(spawner: Spawner, name: str, *args: Any) -> Any:
    """Call the configured function of a hook, then the method of that name.

    Args:
        spawner: the spawner, passed to the function.
        name: name of the setting, such as ``pre_spawn_hook``.
        args: further arguments.

    Returns:
        The result of the last call that returned one.
    """
    own, configured = getattr(spawner, name), spawner.configured(name)
    result = None
    for hook in (own,) if configured is own else (configured, own):
        if hook is not None:
            is_short = not accepts(hook, spawner, *args) and accepts(hook, *args)
            answer = await call(spawner.plugin, hook, *(args if is_short else (spawner, *args)))
            result = result if answer is None else answer
    return result


@contextmanager
def runs_once(spawner: Spawner, name: str) -> Iterator[None]:
    """Run a hook method without arguments once, although both the hub and ``start`` or ``stop`` call it."""
    method = _method(spawner, name)
    if method is None or accepts(method, spawner):
        yield
        return
    setattr(spawner, name, _shared(method))
    try:
        yield
    finally:
        vars(spawner).pop(name, None)


def _method(spawner: Spawner, name: str) -> Callable[..., Any] | None:
    found = getattr(spawner, name)
    return found if inspect.ismethod(found) and found.__self__ is spawner else None


def _shared(method: Callable[..., Any]) -> Callable[[], Any]:
    if not runs_on_loop(method):
        return functools.cache(method)
    run = functools.cache(lambda: asyncio.ensure_future(method()))

    async def shared() -> Any:
        return await run()

    return shared
