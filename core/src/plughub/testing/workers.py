"""Running tests in several processes, with pytest-xdist.

``--dist loadfile`` gives each file to one process. The tests of a folder that the setting ``one_process``
names share something of the machine, such as its engine, swarm and networks, or something that takes long to
build: all of them run in one process, one after the other. They and the slow files begin first, so that no
process is busy for long when the others have ended. Without pytest-xdist none of this has an effect.

A failure is also printed when it happens, with and without pytest-xdist.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from plughub.testing.quick import is_slow

ONE_PROCESS: Final = "one_process"
_WORKER: Final = "PYTEST_XDIST_WORKER"
_COUNT: Final = "PYTEST_XDIST_WORKER_COUNT"


def worker() -> tuple[int, int]:
    """Return the pytest-xdist worker of this process, or the one that started it.

    Returns:
        Its number, counted from 0, and how many there are; ``(0, 1)`` without pytest-xdist.
    """
    name = os.environ.get(_WORKER, "")
    return (int(name.removeprefix("gw")), int(os.environ[_COUNT])) if name else (0, 1)


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold a lock of this machine: what several runs of pytest must not do at once.

    Args:
        name: of the lock.

    Yields:
        While the lock is held.
    """
    with Path(tempfile.gettempdir(), f"plughub-tests-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting ``one_process``."""
    parser.addini(
        ONE_PROCESS,
        "folders, from the root, whose tests share something of the machine, or something that takes long to "
        "build: pytest-xdist runs all tests of such a folder in one process",
        type="args",
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Print failures as they happen, in the process that has the terminal."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        config.pluginmanager.register(_EarlyFailures(reporter))


class _EarlyFailures:
    """Prints one line for each failure at once; pytest describes it at the end, which may be much later."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._reporter = reporter

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print a failed phase of a test with the first line of its error."""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            lines = (crash.message if crash else report.longreprtext).splitlines() or [""]
            # It may follow dots for other tests.
            self._reporter.write_line(f"\n{report.when} failed: {report.nodeid}: {lines[0]}", red=True)
            self._reporter.flush()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with such folders and the slow files; refuse tests of the engine elsewhere."""
    folders = config.getini(ONE_PROCESS)
    for item in items:
        if folders and item.get_closest_marker("docker") and scope_of(item.nodeid, folders) not in folders:
            raise pytest.UsageError(
                f"{item.nodeid} has the mark docker, so it shares the engine: put it into one of the folders "
                f"of the setting {ONE_PROCESS} ({', '.join(folders)})"
            )
    if os.environ.get(_WORKER):
        slow = {item.path for item in items if is_slow(item)}
        items.sort(key=lambda item: (scope_of(item.nodeid, folders) not in folders, item.path not in slow))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Assign each file or folder to one worker, in the order of `pytest_collection_modifyitems`."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 - it may not be installed

    folders = config.getini(ONE_PROCESS)

    class FilesAndFolders(LoadFileScheduling):  # type: ignore[misc, unused-ignore]
        """Gives out files and whole folders."""

        def _split_scope(self, nodeid: str) -> str:
            return scope_of(nodeid, folders)

        def remove_node(self, node: Any) -> str | None:
            """Report the test that ended a worker, as a time-out does, and do not run it again."""
            units = self.assigned_work[node].values()
            running = (str(test) for unit in units for test, done in unit.items() if not done)
            ended = next(running, None)
            if ended is not None:
                work = self.assigned_work.pop(node)
                for unit in work.values():
                    unit.update({test: True for test in unit if test == ended})
                self.workqueue.update({scope: unit for scope, unit in work.items() if not all(unit.values())})
                for other in self.assigned_work:
                    self._reschedule(other)
                return ended
            super().remove_node(node)
            return None

    config.option.loadscopereorder = False
    return FilesAndFolders(config, log)


def scope_of(nodeid: str, folders: Sequence[str]) -> str:
    """Return the file or folder whose tests share a worker with a test.

    Args:
        nodeid: of the test.
        folders: those of the setting ``one_process``.

    Returns:
        The folder, or the file when it is in none of them.
    """
    return _scope_of_file(nodeid.partition("::")[0], tuple(folders))


@functools.lru_cache(maxsize=2000)
def _scope_of_file(file: str, folders: tuple[str, ...]) -> str:
    return next((folder for folder in folders if Path(file).is_relative_to(folder)), file)
