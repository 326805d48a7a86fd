"""Calls of hooks in the modes register, decide, veto, own and tell.

pluggy never awaits, and with ``firstresult`` the first coroutine would win even if its result is None. This
module therefore takes the implementations from pluggy and awaits them itself; no other module calls hooks.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
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
from plughub.plugin.answer_fields import check_fields
from plughub.plugin.failure_log import log_failure
from plughub.plugin.locations import location_of, location_of_error, with_location
from plughub.plugin.manager import HOOKS, ActivePlugins, owner_of
from plughub.plugin.running_code import calls_plugin
from plughub.plugin.silent_calls import naming_silence
from plughub.plugin.threads import ThreadPools
from plughub.plugin.time_limits import TimeLimitError, run_with_timeout

T = TypeVar("T")
Kind = type | tuple[type, ...]
Expected = tuple[type, ...]
Observer = Callable[[str, str, float, str, Any], None]
"""Function called after each hook: plugin, hook, seconds, ``ok``, ``failed`` or ``timeout``, answer."""

log = logging.getLogger("plughub.plugin")

MISSING: Final = object()
PASSED_ON: Final = (Exception, asyncio.CancelledError, GeneratorExit)
"""Exceptions that asyncio and tornado handle. Any other one of a plugin would end the hub or go unnoticed."""

_PROGRAMMING_ERRORS: Final = (
    *(TypeError, AttributeError, NameError, LookupError, ArithmeticError, AssertionError),
    *(ImportError, SyntaxError),
)
"""Exceptions that are no message to an administrator, but tell the author what is wrong in a line."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """Answer of a hook with the plugin that gave it."""

    value: T
    plugin: str


class HookCaller:
    """Caller of hooks in the mode that the contract defines for each.

    Args:
        plugins: the active plugins.
        pools: threads for implementations that are plain functions.
        observe: function called after each hook, for metrics.
    """

    def __init__(
        self, plugins: ActivePlugins, pools: ThreadPools, observe: Observer = lambda *_: None
    ) -> None:
        self.plugins = plugins
        self._pools = pools
        self._observe = observe
        self._cache: dict[str, list[pluggy.HookImpl]] = {}

    @calls_plugin
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
            only: the only plugin to call; None for all.
            expected: required type of an answer; None for any.
            each: required type of the items of an answer, which becomes a tuple.
            arguments: arguments of the hook.

        Returns:
            The answers that are not None, in order.

        Raises:
            StartError: an implementation failed or returned an invalid answer.
        """
        answers = []
        for impl in self.plugins.implementations(hook):
            plugin = owner_of(impl)
            if only not in {None, plugin}:
                continue
            with failing_start(plugin, hook, impl.function):
                value = impl.function(*(arguments[name] for name in impl.argnames))
                with _checking_answer_of(impl.function):
                    value = _as_expected(value, expected, each)
            if value is not None:
                answers.append(Answer(value, plugin))
        return answers

    async def decide(
        self,
        hook: str,
        *,
        only: str | None = None,
        failure: UnavailableError | None = None,
        expected: Expected = (),
        **arguments: object,
    ) -> Answer[Any] | None:
        """Call the plugins in order until one answers; a failure counts as no answer.

        Args:
            hook: name of the hook.
            only: the only plugin to call; None for all.
            failure: raised if no plugin answers and one failed, also if one was temporarily unavailable and
                another one declined; None to return None after a failure.
            expected: types of a valid answer; any other answer is a failure. Empty for any.
            arguments: arguments of the hook.

        Raises:
            UnavailableError: no plugin answers, and one that might is temporarily unavailable.
        """
        unavailable: UnavailableError | None = None
        is_declined = False
        for impl in self._implementations(hook):
            if only not in {None, owner_of(impl)}:
                continue
            try:
                value = await self._call(impl, hook, arguments, expected=expected)
            except PluginError as error:
                log_failure(log, logging.ERROR, error)
                if isinstance(error.__cause__, UnavailableError):
                    unavailable = error.__cause__
                else:
                    unavailable = unavailable or failure
                continue
            if value is not None:
                return Answer(value, owner_of(impl))
            is_declined = True
        if unavailable is not None:
            raise (failure if is_declined and failure else unavailable)
        return None

    async def veto(self, hook: str, **arguments: object) -> Answer[Refusal] | None:
        """Call every plugin and return the first refusal in order; a failure is a refusal."""
        first: Answer[Refusal] | None = None
        for impl in self._implementations(hook):
            try:
                value = await self._call(impl, hook, arguments, expected=(Refusal,))
            except PluginError as error:
                log_failure(log, logging.ERROR, error)
                value = Refusal(f"a check of plugin {owner_of(impl)!r} failed; try again later")
            if value is not None and first is None:
                first = Answer(value, owner_of(impl))
        return first

    async def own(
        self,
        plugin: str,
        hook: str,
        *,
        timeout: float | None = None,
        default: Any = MISSING,
        expected: Expected = (),
        **arguments: object,
    ) -> Any:
        """Call the plugin that owns an object.

        Args:
            plugin: the owner.
            hook: name of the hook.
            timeout: seconds, instead of the hook's own limit.
            default: the answer if the plugin does not implement the hook.
            expected: types of a valid answer, beside None; any other answer is a failure. Empty for any.
            arguments: arguments of the hook.

        Raises:
            PluginError: the plugin failed, or does not implement a hook that has no default.
            PluginTimeoutError: the plugin did not answer in time.
        """
        impl = self.owner(plugin, hook)
        if impl is None:
            if default is MISSING:
                raise PluginError(plugin, hook, self._why_missing(plugin))
            return default
        return await self._call(impl, hook, arguments, timeout, expected)

    def owner(self, plugin: str, hook: str) -> pluggy.HookImpl | None:
        """Return the implementation of a hook by one plugin, or None."""
        return next((impl for impl in self._implementations(hook) if owner_of(impl) == plugin), None)

    def listeners(self, hook: str) -> tuple[str, ...]:
        """Return the names of the plugins that implement a hook, in order."""
        return tuple(dict.fromkeys(owner_of(impl) for impl in self._implementations(hook)))

    def takes(self, hook: str, argument: str) -> bool:
        """Return whether any implementation of a hook names an argument."""
        return any(argument in impl.argnames for impl in self._implementations(hook))

    async def tell(self, hook: str, *, only: str | None = None, **arguments: object) -> None:
        """Call every plugin, or only one, and log failures."""
        for impl in self._implementations(hook):
            if only not in {None, owner_of(impl)}:
                continue
            try:
                await self._call(impl, hook, arguments)
            except PluginError as error:
                log_failure(log, logging.ERROR, error)

    def forget_cache(self) -> None:
        """Drop the cached implementations after plugins were added."""
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
        expected: Expected = (),
    ) -> Any:
        plugin = owner_of(impl)
        seconds = HOOKS[hook].timeout if timeout is None else timeout
        begin = time.perf_counter()
        outcome, value = "failed", None
        try:
            value = await run_with_timeout(
                self._run(impl, plugin, hook, [arguments[name] for name in impl.argnames]), seconds
            )
            with _checking_answer_of(impl.function):
                _check_type(value, expected)
            outcome = "ok"
            return value
        except TimeLimitError as error:
            outcome = "timeout"
            if error.is_running:
                log.error("plugin %r still runs %s after it was cancelled", plugin, hook)
            why = " ".join(
                filter(None, (f"no answer within {seconds:g} s", self._pools.explain_congestion(plugin)))
            )
            raise PluginTimeoutError(plugin, hook, why) from error
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            raise PluginError(plugin, hook, "a task that it awaited was cancelled") from error
        except _WantsToExitError as error:
            raise PluginError(plugin, hook, str(error)) from error.__cause__
        except Exception as error:
            raise PluginError(plugin, hook, describe(error)) from error
        finally:
            self._observe(plugin, hook, time.perf_counter() - begin, outcome, value)

    @calls_plugin
    async def _run(self, impl: pluggy.HookImpl, plugin: str, hook: str, arguments: list[object]) -> Any:  # noqa: ARG002 - names a blocking hook
        try:
            if inspect.iscoroutinefunction(impl.function):
                return await impl.function(*arguments)
            value = await self._pools.run(plugin, _call_and_exhaust, impl.function, *arguments)
            return await value if inspect.isawaitable(value) else value
        except PASSED_ON:
            raise
        except BaseException as error:
            # A task that raises SystemExit would end the loop, and thereby the hub.
            raise _WantsToExitError(describe(error)) from error


class _WantsToExitError(Exception):
    """Attempt of a plugin to end the process."""


@calls_plugin
async def contained(
    plugin: str, hook: str, items: Any, each: type[T], function: Any = None
) -> AsyncIterator[T]:
    """Yield what an asynchronous generator of a plugin yields.

    Args:
        plugin: its name.
        hook: that returned the generator.
        items: the generator.
        each: required type of its items.
        function: that returned the generator, to name its line.

    Raises:
        PluginError: it is no generator, yields something else, or failed, also by ending the process.
    """
    if not isinstance(items, AsyncIterator):
        problem = "it must be an async generator: write async def, and yield in it"
        raise PluginError(plugin, hook, with_location(problem, location_of(function)))
    try:
        async for item in items:
            with _checking_answer_of(function):
                _check_item(item, each)
            yield item
    except (asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        raise PluginError(plugin, hook, describe(error)) from error
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()


def describe(error: BaseException) -> str:
    """Return a one-line description of an exception, with its type if the message alone says too little."""
    text = " ".join(str(error).split())
    if not text:
        return type(error).__name__
    is_bare = type(error).__module__ == "builtins" and (" " not in text or isinstance(error, KeyError))
    return f"{type(error).__name__}: {text}" if is_bare else text


@contextlib.contextmanager
def failing_start(plugin: str, doing: str, code: Any = None) -> Iterator[None]:
    """Convert exceptions of a plugin during the start of the hub into a message that names the plugin.

    A plugin that does not return is named in the log.

    Args:
        plugin: its name.
        doing: the failing activity, such as the name of a hook.
        code: the function or class that is called, to name the line of a mistake in it.

    Raises:
        StartError: the plugin failed.
    """
    try:
        with naming_silence(f"plugin {plugin!r} in {doing}"):
            yield
    except StartError as error:
        error.plugin = error.plugin or plugin
        raise
    except (KeyboardInterrupt, asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        package = str(getattr(code, "__module__", "")).partition(".")[0]
        location = location_of_error(error, package) if isinstance(error, _PROGRAMMING_ERRORS) else ""
        raise StartError(
            with_location(f"plugin {plugin!r} failed in {doing}: {describe(error)}", location),
            exit_code=exit_code_of(error),
            plugin=plugin,
        ) from error


@contextlib.contextmanager
def _checking_answer_of(function: Any) -> Iterator[None]:
    """Name the line of the function, or generator, whose answer has a wrong type."""
    try:
        yield
    except TypeError as error:
        raise TypeError(with_location(str(error), location_of(function))) from error


def _as_expected(value: Any, expected: type | None, each: Kind | None) -> Any:
    """Check the answer of a register hook; None is always valid."""
    _check_type(value, (expected,) if expected else ())
    if value is None or each is None:
        return value
    wanted = each[0] if isinstance(each, tuple) else each
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes)):  # whose items are no answers
        raise TypeError(f"it must return a list of {wanted.__name__}, not {value!r}")
    found = tuple(value)
    for one in found:
        if not isinstance(one, each):
            raise TypeError(f"it must return a list of {wanted.__name__}, which {one!r} is not")
        check_fields(one)
    return found


def _check_type(value: object, expected: Expected) -> None:
    if expected and value is not None and not isinstance(value, expected):
        names = " or ".join(wanted.__name__ for wanted in expected)
        raise TypeError(f"it must return {names} or None, not {type(value).__name__}")
    check_fields(value)


def _check_item(item: object, each: type) -> None:
    if not isinstance(item, each):
        raise TypeError(f"it must yield {each.__name__}, not {type(item).__name__}")
    check_fields(item)


def _call_and_exhaust(function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function, and exhaust a generator in the same thread instead of the reader's."""
    value = function(*arguments)
    return list(value) if inspect.isgenerator(value) else value


def _is_cancelled() -> bool:
    """Return whether the running task itself was cancelled, and not something that it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
