import os
import subprocess
import sys
from pathlib import Path

import pytest

from plughub.testing.conditions import wait_for
from plughub.testing.quick import PROGRAMS, leads_to_start, started_by, starts

HELPERS = """
import subprocess
import pytest
from plughub.testing.quick import starts

@starts
def serve():
    subprocess.run(["haproxy"])

@pytest.fixture
@starts
def server():
    serve()
"""
SELECTED = """
import subprocess
import pytest
import helpers
from helpers import serve, server

@pytest.fixture
def served():
    yield serve()

@pytest.fixture
def indirectly(served):
    pass

class Ground:
    def prepare(self):
        helpers.serve()

def test_with_a_helper():
    serve()

def test_with_a_helper_in_a_lambda():
    assert (lambda: Ground().prepare())()

def test_with_a_fixture(server):
    pass

def test_with_a_fixture_of_a_fixture(indirectly):
    pass

@pytest.mark.docker
def test_with_a_mark():
    pass

def test_quick():
    assert helpers.pytest
"""
WRONG = """
import socket
import subprocess
import sys
import pytest

COMMANDS = [
    ["haproxy", "-f", "file"],
    [sys.executable, "-m", "plughub", "--port=1"],
    ["runuser", "-u", "postgres", "--", "/usr/lib/postgresql/15/bin/initdb"],
    "exec dockerd --debug",
    [sys.executable, "-m", "pytest", "--version"],
]

@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_that_starts_one(command):
    subprocess.run(command, shell=isinstance(command, str))

def test_that_catches_the_refusal():
    try:
        subprocess.Popen(["chromium"])
    except Exception:
        pass

def test_that_asks_an_engine():
    with socket.socket(socket.AF_UNIX) as engine:
        engine.connect_ex("/var/run/docker.sock")

def test_that_starts_another_program():
    subprocess.run([sys.executable, "-c", "pass"], check=True)
"""


@pytest.fixture
@starts
def pytest_run(tmp_path: Path):
    """Run pytest on a module in a folder of its own; return its output."""

    def run(text: str, *options: str) -> str:
        folder = tmp_path / "tests"
        folder.mkdir(exist_ok=True)
        (folder / "helpers.py").write_text(HELPERS)
        (folder / "test_it.py").write_text(text)
        (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    docker: an engine\n")
        command = [sys.executable, "-m", "pytest", "-p", "plughub.testing.quick", "-p", "no:cacheprovider"]
        # options of the outer run must not reach this one
        plain = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        done = subprocess.run(
            [*command, "-rA", "--tb=short", *options], cwd=folder, env=plain, capture_output=True, text=True
        )
        return done.stdout

    return run


def test_a_quick_run_skips_tests_that_use_a_helper_that_starts_something(pytest_run) -> None:
    said = pytest_run(SELECTED, "--quick")
    assert "1 passed, 5 deselected" in said, said
    assert "PASSED test_it.py::test_quick" in said


def test_a_test_that_is_wrongly_taken_for_quick_fails_in_every_run(pytest_run) -> None:
    for options in [("--quick",), ()]:
        said = pytest_run(WRONG, *options)
        summary = said.rpartition("short test summary info")[2]
        assert summary.count("FAILED test_it.py::test_that_starts_one") == 5, said
        assert "ERROR test_it.py::test_that_catches_the_refusal" in summary
        assert "ERROR test_it.py::test_that_asks_an_engine" in summary
        assert "PASSED test_it.py::test_that_starts_another_program" in summary
        assert "is taken for a quick test, but starts or uses a proxy" in said


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (["/opt/bin/haproxy", "-W"], "a proxy"),
        (["/bin/sh", "-c", "exec haproxy -W"], "a proxy"),
        ("cd / && dockerd", "a container engine"),
        ([b"/x/pg_ctl", "start"], "a database server"),
        (["/venv/bin/hub", "--version"], "a hub"),
        (["python", "-m", "plughub"], "a hub"),
        (["python", "-m", "plughub.testing.tiny_server"], ""),
        (["git", "log", "hub"], ""),
        (["python", "-m", "pytest", "-q"], "a run of pytest"),
        (["python", "-m", "plughub.dbutil", "alembic", "current"], "an upgrade of a database"),
        (Path("/x/node"), "Node"),
        ([], ""),
    ],
    ids=str,
)
def test_the_program_of_a_command_is_known_by_its_words(command: object, what: str) -> None:
    assert started_by(None, command) == what
    assert what in {"", *PROGRAMS.values()}


def test_a_program_given_beside_the_words_counts(tmp_path: Path) -> None:
    assert started_by("/opt/bin/haproxy", ["proxy"]) == "a proxy"


def test_helpers_that_use_each_other_end_the_search() -> None:
    assert not leads_to_start(ping)
    assert leads_to_start(starts(lambda: wait_for(lambda: 1)))


def ping() -> None:
    pong()


def pong() -> None:
    ping()
