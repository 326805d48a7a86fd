"""Calling hooks that are awaited: decide, veto, own, tell, and register for those that are not.

pluggy itself never awaits, and with ``firstresult`` the first coroutine wins even when it would
answer None. So the implementations are taken from pluggy and awaited here, and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import pluggy

from plughub.domain.errors import (
    PluginError,
    PluginTimeoutError,
    StartError,
    UnavailableError,
    exit_code_of,
)
from plughub.kinds import Refusal
from plughub.plugin.manager import HOOKS, ActivePlugins, owner_of
from plughub.plugin.threads import ThreadPools
from plughub.plugin.time_limits import TimeLimitError, in_time

T = TypeVar("T")
Kind = type | tuple[type, ...]
Observer = Callable[[str, str, float, str, Any], None]
"""Told after each call: plugin, hook, seconds, ``ok`` or ``failed`` or ``timeout``, and the answer."""

log = logging.getLogger("plughub.plugin")

MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """An answer and the plugin that gave it."""

    value: T
    plugin: str


class HookCaller:
    """Calls hooks on the terms that the contract sets for them.

    Args:
        plugins: the active plugins.
        pools: threads for implementations that are plain functions.
        observe: told about each call, for metrics.
    """

    def __init__(
        self, plugins: ActivePlugins, pools: ThreadPools, observe: Observer = lambda *_: None
    ) -> None:
        self.plugins = plugins
        self._pools = pools
        self._observe = observe
        self._cache: dict[str, list[pluggy.HookImpl]] = {}

    def register(
        self,
        hook: str,
        *,
        only: str | None = None,
        expected: type | None = None,
        each: Kind | None = None,
        **arguments: object,
    ) -> list[Answer[Any]]:
        """Call a register hook.

        Args:
            hook: name of the hook.
            only: ask this plugin alone.
            expected: what an answer has to be; None for anything.
            each: what an answer has to hold, when it is to be a sequence; it becomes a tuple.
            arguments: arguments of the hook.

        Returns:
            The answers that are not None, in order.

        Raises:
            StartError: an implementation failed, or answered something else.
        """
        answers = []
        for impl in self.plugins.implementations(hook):
            plugin = owner_of(impl)
            if only not in {None, plugin}:
                continue
            with failing_start(plugin, hook):
                value = impl.function(*(arguments[name] for name in impl.argnames))
                value = _as_expected(value, expected, each)
            if value is not None:
                answers.append(Answer(value, plugin))
        return answers

    async def decide(self, hook: str, **arguments: object) -> Answer[Any] | None:
        """Ask one plugin after the other until one answers; a failure counts as no answer.

        Args:
            hook: name of the hook.
            arguments: arguments of the hook.

        Returns:
            The first answer that is not None.

        Raises:
            UnavailableError: nobody answers, and somebody who might cannot for now: that is no "no".
        """
        unavailable: UnavailableError | None = None
        for impl in self._implementations(hook):
            try:
                value = await self._call(impl, hook, arguments)
            except PluginError as error:
                if isinstance(error.__cause__, UnavailableError):
                    log.error("%s", error)
                    unavailable = error.__cause__
                else:
                    log.error("%s", error, exc_info=error.__cause__)
                continue
            if value is not None:
                return Answer(value, owner_of(impl))
        if unavailable is not None:
            raise unavailable
        return None

    async def veto(self, hook: str, **arguments: object) -> Answer[Refusal] | None:
        """Ask every plugin; a failure is a refusal.

        Args:
            hook: name of the hook.
            arguments: arguments of the hook.

        Returns:
            The first refusal in order, None when nobody refuses.
        """
        first: Answer[Refusal] | None = None
        for impl in self._implementations(hook):
            try:
                value = await self._call(impl, hook, arguments)
            except PluginError as error:
                log.error("%s", error, exc_info=error.__cause__)
                value = Refusal(f"a check of plugin {owner_of(impl)!r} could not be made; try again later")
            if value is not None and first is None:
                first = Answer(_as_refusal(value), owner_of(impl))
        return first

    async def own(
        self,
        plugin: str,
        hook: str,
        *,
        timeout: float | None = None,
        default: Any = MISSING,
        **arguments: object,
    ) -> Any:
        """Call the plugin that owns a thing.

        Args:
            plugin: the owner.
            hook: name of the hook.
            timeout: seconds, instead of the hook's own.
            default: the answer when the plugin does not implement the hook.
            arguments: arguments of the hook.

        Returns:
            What the plugin answers.

        Raises:
            PluginError: it failed, or it does not implement a hook that has no default.
            PluginTimeoutError: it did not answer in time.
        """
        impl = self.owner(plugin, hook)
        if impl is None:
            if default is MISSING:
                raise PluginError(plugin, hook, self._why_missing(plugin))
            return default
        return await self._call(impl, hook, arguments, timeout)

    def owner(self, plugin: str, hook: str) -> pluggy.HookImpl | None:
        """Find the implementation of one plugin.

        Args:
            plugin: the owner.
            hook: name of the hook.

        Returns:
            The implementation, or None.
        """
        return next((impl for impl in self._implementations(hook) if owner_of(impl) == plugin), None)

    def listeners(self, hook: str) -> tuple[str, ...]:
        """Tell which plugins implement a hook.

        Args:
            hook: name of the hook.

        Returns:
            Their names in order.
        """
        return tuple(dict.fromkeys(owner_of(impl) for impl in self._implementations(hook)))

    async def tell(self, hook: str, *, only: str | None = None, **arguments: object) -> None:
        """Tell every plugin; failures are logged.

        Args:
            hook: name of the hook.
            only: tell this plugin alone.
            arguments: arguments of the hook.
        """
        for impl in self._implementations(hook):
            if only not in {None, owner_of(impl)}:
                continue
            try:
                await self._call(impl, hook, arguments)
            except PluginError as error:
                log.error("%s", error, exc_info=error.__cause__)

    def forget_cache(self) -> None:
        """Look the implementations up anew, after plugins were added."""
        self._cache.clear()

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        if hook not in self._cache:
            self._cache[hook] = self.plugins.implementations(hook)
        return self._cache[hook]

    def _why_missing(self, plugin: str) -> str:
        if plugin in self.plugins.names:
            return "it does not implement this hook"
        return f"it is not active; add it to --plugins (active: {', '.join(self.plugins.names)})"

    async def _call(
        self,
        impl: pluggy.HookImpl,
        hook: str,
        arguments: dict[str, object],
        timeout: float | None = None,
    ) -> Any:
        plugin = owner_of(impl)
        seconds = HOOKS[hook].timeout if timeout is None else timeout
        begin = time.perf_counter()
        outcome, value = "failed", None
        try:
            value = await in_time(
                self._run(impl, plugin, [arguments[name] for name in impl.argnames]), seconds
            )
            outcome = "ok"
            return value
        except TimeLimitError as error:
            outcome = "timeout"
            if error.goes_on:
                log.error("plugin %r goes on with %s although it was cancelled", plugin, hook)
            why = " ".join(filter(None, (f"no answer within {seconds:g} s", self._pools.jam(plugin))))
            raise PluginTimeoutError(plugin, hook, why) from error
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            raise PluginError(plugin, hook, "what it waited for was cancelled") from error
        except _WantsToExitError as error:
            raise PluginError(plugin, hook, str(error)) from error.__cause__
        except (Exception, SystemExit) as error:
            # a plugin that wants to exit must not take the hub with it
            raise PluginError(plugin, hook, describe(error)) from error
        finally:
            self._observe(plugin, hook, time.perf_counter() - begin, outcome, value)

    async def _run(self, impl: pluggy.HookImpl, plugin: str, arguments: list[object]) -> Any:
        if inspect.iscoroutinefunction(impl.function):
            try:
                return await impl.function(*arguments)
            except SystemExit as error:  # a task that raises it would end the loop
                raise _WantsToExitError(describe(error)) from error
        value = await self._pools.run(plugin, _to_the_end, impl.function, *arguments)
        return await value if inspect.isawaitable(value) else value


class _WantsToExitError(Exception):
    """A plugin asked the process to end."""


def describe(error: BaseException) -> str:
    """Say in one line what an exception means.

    Args:
        error: the exception.

    Returns:
        Its message, with its type where the message alone says too little.
    """
    text = " ".join(str(error).split())
    if not text:
        return type(error).__name__
    is_bare = type(error).__module__ == "builtins" and (" " not in text or isinstance(error, KeyError))
    return f"{type(error).__name__}: {text}" if is_bare else text


@contextlib.contextmanager
def failing_start(plugin: str, doing: str) -> Iterator[None]:
    """Turn what a plugin raises while the hub starts into one message that names it.

    Args:
        plugin: its name.
        doing: what it does, such as the name of a hook.

    Raises:
        StartError: it failed.
    """
    try:
        yield
    except StartError as error:
        error.plugin = error.plugin or plugin
        raise
    except (Exception, SystemExit) as error:
        raise StartError(
            f"plugin {plugin!r} failed in {doing}: {describe(error)}",
            exit_code=exit_code_of(error),
            plugin=plugin,
        ) from error


def _as_expected(value: Any, expected: type | None, each: Kind | None) -> Any:
    """Check what a register hook answers; None is always right."""
    if value is None:
        return None
    if expected is not None and not isinstance(value, expected):
        raise TypeError(f"it has to answer {expected.__name__} or None, not {type(value).__name__}")
    if each is None:
        return value
    found = tuple(value)
    for one in found:
        if not isinstance(one, each):
            wanted = each[0] if isinstance(each, tuple) else each
            raise TypeError(f"it has to answer a list of {wanted.__name__}, and {one!r} is none")
    return found


def _as_refusal(value: object) -> Refusal:
    return value if isinstance(value, Refusal) else Refusal(str(value))


def _to_the_end(function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function; a generator is run here, in its thread, and not where its answer is read."""
    value = function(*arguments)
    return list(value) if inspect.isgenerator(value) else value


def _is_cancelled() -> bool:
    """Tell whether it is the running task that was cancelled, and not what it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
