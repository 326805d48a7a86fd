"""Names of the plugin, the hook and the line of code that a thread runs, read from its stack.

Naming costs nothing until it is needed: functions that call plugins are marked once, and have local variables
``plugin`` and ``hook``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Container, Iterable, Sequence
from importlib.metadata import entry_points
from types import CodeType, FrameType, TracebackType
from typing import Any, Final, TypeVar

from plughub.markers import PROJECT

Step = tuple[FrameType, int]
"""Frame of a stack with its current line."""
F = TypeVar("F", bound=Callable[..., Any])

_CALL_PLUGINS: Final[set[CodeType]] = set()
_CALLBACK: Final = asyncio.Handle._run.__code__  # noqa: SLF001 - below it, the loop runs something
_LIBRARIES: Final = frozenset(
    {"asyncio", "concurrent", "contextlib", "functools", "importlib", "plughub", "threading", "tornado"}
)


def calls_plugin(function: F) -> F:
    """Mark a function that calls a plugin, with local variables ``plugin`` and ``hook``.

    Args:
        function: the function, also an asynchronous one.
    """
    _CALL_PLUGINS.add(function.__code__)
    return function


def calls_of(thread: int) -> frozenset[FrameType]:
    """Return the calls that a thread has not finished.

    Args:
        thread: its identifier.
    """
    return frozenset(frame for frame, _ in _stack_of(thread))


def place_in(thread: int, before: Container[FrameType]) -> str:
    """Return the line of code that a thread runs, such as ``(quota.py:7, hub_configure)``.

    Args:
        thread: its identifier.
        before: earlier result of `calls_of`. The line is that of a call since then, if there is one.

    Returns:
        The line; empty if the thread has ended.
    """
    steps = _stack_of(thread)
    return _place([step for step in steps if step[0] not in before] or steps) if steps else ""


def blame_loop(thread: int) -> str:
    """Describe what the event loop of a thread runs now.

    Args:
        thread: its identifier.

    Returns:
        A clause such as ``by plugin 'quota' in hub_event (quota.py:7, hub_event)``; empty if the loop waits.
    """
    steps = _stack_of(thread)
    begin = max(
        (number for number, (frame, _) in enumerate(steps) if frame.f_code is _CALLBACK), default=None
    )
    return "" if begin is None else _blame(steps[begin + 1 :])


def blame_error(error: BaseException) -> str:
    """Describe which code raised an exception, like `blame_loop`.

    Args:
        error: the exception.
    """
    return _blame(list(_steps_of(error.__traceback__)))


def _stack_of(thread: int) -> list[Step]:
    """Return the stack of a thread, the outermost call first."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - there is no other way
    steps = []
    while frame is not None:
        steps.append((frame, frame.f_lineno or 0))
        frame = frame.f_back
    return steps[::-1]


def _steps_of(trace: TracebackType | None) -> Iterable[Step]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _blame(steps: Sequence[Step]) -> str:
    if not steps:
        return ""
    begin = max(
        (number for number, (frame, _) in enumerate(steps) if frame.f_code in _CALL_PLUGINS), default=-1
    )
    place = _place(steps[begin + 1 :] or steps)
    if begin >= 0:
        called = steps[begin][0].f_locals
        return f"by plugin {called['plugin']!r} in {called['hook']} {place}"
    owners = _owners_of(_package(_shown(steps)[0]))
    return f"by plugin {owners} {place}" if owners else f"by {place[1:-1]}"


def _place(steps: Sequence[Step]) -> str:
    frame, line = _shown(steps)
    return f"({frame.f_code.co_filename}:{line}, {frame.f_code.co_name})"


def _shown(steps: Sequence[Step]) -> Step:
    """Return the first step outside the hub and what runs it, or the innermost one."""
    return next(filter(_is_foreign, steps), steps[-1])


def _is_foreign(step: Step) -> bool:
    return _package(step[0]) not in _LIBRARIES


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _owners_of(package: str) -> str:
    """Return the names of the plugins in a package; empty if there are none."""
    found = [entry.name for entry in entry_points(group=PROJECT) if entry.module.partition(".")[0] == package]
    return " or ".join(map(repr, sorted(found)))
