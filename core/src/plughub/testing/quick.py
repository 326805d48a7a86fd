"""``pytest --quick``: run the tests that start no hub process, proxy, engine, browser or database server.

They start no other long program either: no run of pytest, no upgrade of an old database, no Python process
that imports packages of third parties.

There is no list of slow tests. A test is slow when it has one of the marks in `SLOW_MARKS`, or when its code
or that of one of its fixtures leads to a helper that is decorated with `starts`. All other tests are quick.

While a quick test runs, with ``--quick`` or without, an audit hook refuses to start any of the `PROGRAMS` and
the test fails. So the complete run shows that the quick one starts none of them.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import types
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

T = TypeVar("T")

SLOW_MARKS: Final = ("browser", "docker", "node", "postgresql")
"""Marks of tests that need such a program."""

PROGRAMS: Final = {
    "hub": "a hub",
    "haproxy": "a proxy",
    "configurable-http-proxy": "a proxy",
    "node": "Node",
    "chromium": "a browser",
    "initdb": "a database server",
    "pg_ctl": "a database server",
    "postgres": "a database server",
    "dockerd": "a container engine",
    "pytest": "a run of pytest",
    "alembic": "an upgrade of a database",
}
"""What a quick test must not start, by the name of the command."""

_EXAMPLES: Final = 100
"""Examples of a property test without a number of its own, in a complete run."""
_SOCKET: Final = "docker.sock"
_ATTRIBUTE: Final = "__plughub_starts__"
_SLOW: Final = pytest.StashKey[bool]()
_TEST_CODE: Final = ("tests", "testing", "examples")


class NotQuickError(RuntimeError):
    """A test that is taken for quick starts what makes a test slow."""


class _Guard:
    """Refuses to start such programs while a quick test runs."""

    def __init__(self) -> None:
        self.installed = False
        self.test = ""
        self.refused: list[str] = []

    def install(self) -> None:
        """Listen to the audit events of this process; they cannot be left again."""
        if not self.installed:
            self.installed = True
            sys.addaudithook(self.listen)

    def listen(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Refuse the event if it starts or calls something slow."""
        if not self.test or event not in {"subprocess.Popen", "os.posix_spawn", "socket.connect"}:
            return
        address = event == "socket.connect"
        what = _called(arguments[1]) if address else started_by(arguments[0], arguments[1])
        if what:
            text = f"{self.test} is taken for a quick test, but starts or uses {what}: {arguments[1]!r}"
            self.refused.append(text)
            raise NotQuickError(
                f"{text}\nGive the test the matching mark ({', '.join(SLOW_MARKS)}), or decorate the "
                "helper that starts it with plughub.testing.quick.starts"
            )


_guard: Final = _Guard()
_seen: Final[dict[int, bool]] = {}


def starts(helper: T) -> T:
    """Mark a function, a fixture's function or a class as a helper that starts what makes a test slow.

    Args:
        helper: the function or class, which may be the test itself; below ``@pytest.fixture``.

    Returns:
        The helper itself.
    """
    setattr(helper, _ATTRIBUTE, True)
    return helper


def examples(count: int) -> int:
    """Return how many examples a property test tries: with ``--quick`` a fifth.

    Args:
        count: how many it tries in a complete run.

    Returns:
        The number for this run.
    """
    from hypothesis import settings  # noqa: PLC0415 - tests of plugins may not have it installed

    return count * settings().max_examples // _EXAMPLES  # those of the profile


def started_by(program: Any, words: Any) -> str:
    """Return what a command starts.

    Args:
        program: path of the program, None when it is the first word.
        words: the command: a text for a shell, or its words.

    Returns:
        One of the values of `PROGRAMS`; empty when it is none of these.
    """
    given = [words] if isinstance(words, str | bytes | os.PathLike) else list(words or ())
    texts = [os.fsdecode(word) for word in [*([program] if program else []), *given]]
    split = [part for text in texts for part in text.split()]
    if "plughub" in split and split[split.index("plughub") - 1] == "-m":
        return PROGRAMS["hub"]
    names = [Path(part).name for part in split]
    # Behind the command, "hub" is an argument that many other programs get.
    named = (name for place, name in enumerate(names) if place == 0 or name != "hub")
    return next((PROGRAMS[name] for name in named if name in PROGRAMS), "")


def leads_to_start(thing: object, seen: dict[int, bool] | None = None) -> bool:
    """Return whether a test's code leads to a helper decorated with `starts`.

    It follows the names of functions and classes that the code uses, as long as these are code of tests too.

    Args:
        thing: a function or a class.
        seen: what was looked at already.

    Returns:
        True when it does.
    """
    seen = {} if seen is None else seen
    thing = inspect.unwrap(getattr(thing, "__func__", thing)) if callable(thing) else thing
    if id(thing) not in seen:
        seen[id(thing)] = False  # also ends circles
        seen[id(thing)] = bool(getattr(thing, _ATTRIBUTE, False)) or any(
            leads_to_start(used, seen) for used in _used(thing)
        )
    return seen[id(thing)]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--quick``."""
    parser.addoption(
        "--quick",
        action="store_true",
        help="run the tests that start no hub process, proxy, container engine, browser or database server",
    )


def pytest_configure() -> None:
    """Watch what tests start."""
    _guard.install()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Find out which tests are slow, and leave them out of a quick run."""
    if config.getoption("quick"):
        config.hook.pytest_deselected(items=[item for item in items if is_slow(item)])
        items[:] = [item for item in items if not is_slow(item)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse what makes a test slow from here on, if this test is a quick one."""
    _guard.test = "" if is_slow(item) else item.nodeid


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    """Fail a test that has caught the refusal; what ends here may be of the tests before it."""
    _guard.test = ""
    yield
    refused, _guard.refused = _guard.refused, []
    if refused:
        pytest.fail("\n".join(refused), pytrace=False)


def is_slow(item: pytest.Item) -> bool:
    """Return whether a collected test is slow.

    Args:
        item: the test.

    Returns:
        True when ``--quick`` leaves it out.
    """
    if _SLOW not in item.stash:
        item.stash[_SLOW] = _is_slow(item)
    return item.stash[_SLOW]


def _is_slow(item: pytest.Item) -> bool:
    if any(mark.name in SLOW_MARKS for mark in item.iter_markers()):
        return True
    if not isinstance(item, pytest.Function):
        return False
    return any(_is_slow_function(function) for function in [item.function, *_fixtures(item)])


@functools.cache
def _is_slow_function(function: Callable[..., object]) -> bool:
    """Return whether the function of a test or a fixture is slow; thousands of tests share the same ones."""
    return leads_to_start(function, _seen)


def _fixtures(item: pytest.Function) -> Iterator[Callable[..., object]]:
    """Yield the functions of the fixtures of a test; one that is overridden counts only if it is used."""
    for name, found in item._fixtureinfo.name2fixturedefs.items():  # noqa: SLF001 - pytest has no public way
        for definition in reversed(found):
            yield definition.func
            if name not in definition.argnames:
                break


def _used(thing: object) -> Iterator[object]:
    """Yield the functions and classes of tests that a function or a class of tests uses."""
    if isinstance(thing, type):
        for member in vars(thing).values():
            yield from filter(_is_test_code, _functions(member))
        yield from filter(_is_test_code, thing.__bases__)
    elif isinstance(thing, types.FunctionType):
        names = set(_names(thing.__code__))
        for name in names:
            value = thing.__globals__.get(name)
            members = names if isinstance(value, types.ModuleType) else ()
            yield from filter(_is_test_code, [value, *(vars(value).get(name) for name in members)])


def _functions(member: object) -> Iterator[object]:
    if isinstance(member, property):
        yield member.fget
    else:
        yield getattr(member, "__func__", member)


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _is_test_code(value: object) -> bool:
    """Return whether an object is a function or class of tests or of `plughub.testing`."""
    if isinstance(value, type):
        return _is_test_file(getattr(sys.modules.get(value.__module__), "__file__", None) or "")
    if isinstance(value, types.FunctionType):
        return _is_test_file(inspect.unwrap(value).__code__.co_filename)
    return False


@functools.cache
def _is_test_file(file: str) -> bool:
    return any(part in Path(file).parts for part in _TEST_CODE)


def _called(address: object) -> str:
    text = os.fsdecode(address) if isinstance(address, str | bytes) else ""
    return "a container engine" if Path(text).name == _SOCKET else ""
