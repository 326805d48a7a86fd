from __future__ import annotations

import compileall
import gc
import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

sys.dont_write_bytecode = False  # each process would rewrite the assertions of all tests and plugins again

from hypothesis import settings  # noqa: E402 - see above

ROOT = Path(__file__).parent
OBJECTS_BETWEEN_COLLECTIONS = 10_000
"""More than by default: each test makes some thousand objects, and drops most of them."""

pytest_plugins = ["plughub.testing.quick", "plughub.testing.workers", "plughub.testing.fixtures"]
settings.register_profile("plughub", deadline=None)  # the machine may be busy
settings.register_profile("quick", deadline=None, max_examples=20)
settings.load_profile("plughub")
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # hubs under test end on it, even when the tests run under nohup


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples property tests try, and compile the code once.

    Where PYTHONDONTWRITEBYTECODE is set, each of hundreds of hubs would compile it.
    """
    if config.getoption("quick"):
        settings.load_profile("quick")
    if not hasattr(config, "workerinput"):
        for source in (ROOT / "core" / "src", *sorted(ROOT.glob("plugins/*/src"))):
            compileall.compile_dir(source, quiet=2)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector away from collected tests, which stay to the end.

    It would spend a third of the time of the collection and a fifth of the time of tests on them.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get("PLUGHUB_NO_SKIPS") and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("tests were skipped, and PLUGHUB_NO_SKIPS is set", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    # The processes of pytest-xdist have no reporter; the one that started them has all results.
    if os.environ.get("PLUGHUB_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
