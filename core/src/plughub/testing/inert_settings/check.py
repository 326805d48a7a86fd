"""Plugin for pytest: run each test that shows a setting again, with the setting fixed at its default."""

from __future__ import annotations

import os
import runpy
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest
from _pytest.runner import runtestprotocol

_SITE: Final = Path(__file__).parent / "site"
_VARIABLE: Final = "INERT_SETTING"
_TABLE: Final = Path("docs", "settings.toml")


class _Proof:
    """Settings by test, and those whose test failed without them.

    Args:
        tests: ``path::name`` of the test of each setting.
    """

    def __init__(self, tests: dict[str, str]) -> None:
        self.settings: dict[str, list[str]] = defaultdict(list)
        for setting, test in tests.items():
            self.settings[test].append(setting)
        self.tried: set[str] = set()
        self.shown: set[str] = set()

    def of(self, item: pytest.Item) -> list[str]:
        """Return the settings that a test should show."""
        return self.settings.get(_test(item.nodeid), [])

    def try_without(self, setting: str, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Run a test with a setting fixed at its default; one failing set of parameters is enough."""
        if setting in self.shown:
            return
        self.tried.add(setting)
        os.environ[_VARIABLE] = setting
        try:
            fails = _fails(item, nextitem)
        finally:
            del os.environ[_VARIABLE]
        # A test that fails whenever it is repeated would show nothing.
        if fails and not _fails(item, nextitem):
            self.shown.add(setting)


_PROOF: Final = pytest.StashKey[_Proof]()


def pytest_configure(config: pytest.Config) -> None:
    """Read the table, and prepare this process and those that tests start."""
    table = tomllib.loads((config.rootpath / _TABLE).read_text())
    config.stash[_PROOF] = _Proof({name: test for tests in table.values() for name, test in tests.items()})
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_SITE), os.environ.get("PYTHONPATH"))))
    runpy.run_path(str(_SITE / "sitecustomize.py"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave only tests that show settings."""
    items[:] = [item for item in items if config.stash[_PROOF].of(item)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> object:
    """Run a test as usual, then once without each of its settings."""
    done = yield
    proof = item.config.stash[_PROOF]
    for setting in proof.of(item):
        proof.try_without(setting, item, nextitem)
    return done


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Report the settings whose test passes without them."""
    proof = config.stash[_PROOF]
    terminalreporter.write_line(f"settings whose effect is shown: {len(proof.shown)}")
    for setting in sorted(proof.tried - proof.shown):
        terminalreporter.write_line(f"the test passes without {setting}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if a test passes without its setting."""
    proof = session.config.stash[_PROOF]
    if proof.tried - proof.shown:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _fails(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    item._initrequest()  # type: ignore[attr-defined]  # noqa: SLF001 - as plugins that repeat tests do
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=nextitem))


def _test(nodeid: str) -> str:
    return nodeid.partition("[")[0]
