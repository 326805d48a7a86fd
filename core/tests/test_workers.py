"""Runs of several processes, as ``pytest --numprocesses 2 --dist loadfile`` starts them."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plughub.testing.ports import free_port
from plughub.testing.quick import starts

ROOT = Path(__file__).resolve().parents[2]
TWO = ("--numprocesses", "2", "--dist", "loadfile")
SKIPPED = """
import pytest

def test_that_runs():
    pass

def test_that_is_skipped():
    pytest.skip("the machine lacks something")
"""
ENDED = """
import os

def test_before():
    pass

def test_that_ends_its_process():
    os._exit(1)

def test_after():
    assert not "it fails"
"""
WORKER = """
import os

def test_in_some_process():
    print("worker", __name__, os.environ["PYTEST_XDIST_WORKER"])
"""

Run = Callable[..., tuple[int, str]]


@pytest.fixture
@starts
def pytest_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest with few plugins on files; returns exit code and output."""
    pytest.importorskip("xdist")
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_ADDOPTS", "PLUGHUB_NO_SKIPS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "pytest.ini").write_text("[pytest]\none_process = engine\n")

    def run(files: dict[str, str], *options: str) -> tuple[int, str]:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        command = [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "plughub.testing.workers", "-rA"]
        more = ["-p", "no:cacheprovider", "--import-mode=importlib"]
        done = subprocess.run(
            [*command, *more, *options], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize(
    ("arguments", "processes"),
    [
        ("", 3),
        ("-q", 3),
        ("-q --quick -x", 3),
        ("-n 0", None),
        ("-n4 --dist worksteal", None),
        ("core/tests/test_workers.py::test_one", None),
        ("-k name", None),
        ("--pdb", None),
    ],
)
def test_all_tests_run_in_three_processes_unless_an_argument_says_otherwise(
    arguments: str, processes: int | None
) -> None:
    chosen = runpy.run_path(str(ROOT / "dev.py"))["processes"](arguments.split())
    assert chosen == ([f"--numprocesses={processes}", "--dist=loadfile"] if processes else [])


@pytest.mark.parametrize("options", [(), TWO], ids=["one process", "two processes"])
def test_a_skip_fails_a_run_that_allows_none(
    pytest_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    shutil.copy(ROOT / "conftest.py", tmp_path)
    monkeypatch.setenv("PLUGHUB_NO_SKIPS", "1")
    code, said = pytest_run({"test_one.py": SKIPPED, "test_two.py": "def test_two():\n    pass\n"}, *options)
    assert code == 1, said
    assert "2 passed, 1 skipped" in said
    assert "the machine lacks something" in said
    assert "tests were skipped, and PLUGHUB_NO_SKIPS is set" in said


def test_a_test_that_ends_its_process_is_named_once_and_folders_stay_in_one_process(pytest_run: Run) -> None:
    names = ["engine/test_a.py", "engine/test_b.py", "engine/test_c.py", "test_d.py"]
    code, said = pytest_run({**dict.fromkeys(names, WORKER), "test_one.py": ENDED}, *TWO)
    assert code == 1, said
    assert re.search(
        r"worker 'gw\d' crashed while running 'test_one.py::test_that_ends_its_process'", said
    ), said
    assert "2 failed, 5 passed" in said
    at_once = said.partition("= FAILURES =")[0]
    assert "\ncall failed: test_one.py::test_after: AssertionError: assert not 'it fails'\n" in at_once, said
    assert re.search(r"^\S+ failed: test_one.py::test_that_ends_its_process: ", at_once, re.MULTILINE), said
    workers = dict(re.findall(r"^worker (\S+) (gw\d)$", said, re.MULTILINE))
    assert len(workers) == 4, said
    assert len({worker for module, worker in workers.items() if "engine" in module}) == 1, said


def test_a_process_that_replaces_one_finds_a_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw3")
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")

    assert free_port() % 3 == 0
