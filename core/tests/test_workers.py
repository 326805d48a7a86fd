"""Runs of several processes, as ``pytest --numprocesses 2 --dist loadfile`` starts them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
    pass
"""
WORKER = """
import os

def test_in_some_process():
    print("worker", __name__, os.environ["PYTEST_XDIST_WORKER"])
"""

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def pytest_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest with the conftest of this repository on files; returns exit code and output."""
    pytest.importorskip("xdist")
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\none_process = engine\n")

    def run(files: dict[str, str], *options: str) -> tuple[int, str]:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--import-mode=importlib", "-rA"]
        done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("options", [(), TWO], ids=["one process", "two processes"])
def test_a_skip_fails_a_run_that_allows_none(
    pytest_run: Run, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    files = {"test_one.py": SKIPPED, "test_two.py": "def test_two():\n    pass\n"}
    monkeypatch.delenv("PLUGHUB_NO_SKIPS", raising=False)
    code, said = pytest_run(files, *options)
    assert code == 0, said
    monkeypatch.setenv("PLUGHUB_NO_SKIPS", "1")
    code, said = pytest_run(files, *options)
    assert code == 1, said
    assert "2 passed, 1 skipped" in said
    assert "the machine lacks something" in said
    assert "tests were skipped, and PLUGHUB_NO_SKIPS is set" in said


def test_the_test_that_ends_a_process_is_named_and_the_others_run(pytest_run: Run) -> None:
    code, said = pytest_run({"test_one.py": ENDED, "test_two.py": "def test_two():\n    pass\n"}, *TWO)
    assert code == 1, said
    assert re.search(
        r"worker 'gw\d' crashed while running 'test_one.py::test_that_ends_its_process'", said
    ), said
    assert "1 failed, 3 passed" in said


def test_a_folder_that_shares_something_of_the_machine_stays_in_one_process(pytest_run: Run) -> None:
    names = ["engine/test_a.py", "engine/test_b.py", "engine/test_c.py", "test_d.py"]
    code, said = pytest_run(dict.fromkeys(names, WORKER), *TWO)
    assert code == 0, said
    workers = dict(re.findall(r"^worker (\S+) (gw\d)$", said, re.MULTILINE))
    assert len(workers) == 4, said
    shared = {worker for module, worker in workers.items() if "engine" in module}
    assert len(shared) == 1, said
    assert set(workers.values()) == {"gw0", "gw1"}, said
