"""Processes that outlive the hub."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from plughub.classes.processes.detached import (
    MAX_LOG_BYTES,
    end,
    last_lines,
    launch,
    trim,
    wait_until_free,
    who_listens,
)
from plughub.classes.processes.identity import ProcessIdentity, start_of
from plughub.testing.conditions import wait_for

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
PARENT = (
    "import subprocess, sys, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
)


@pytest.fixture
def run(tmp_path: Path) -> Iterator:
    started: list[ProcessIdentity] = []

    def start(*command: str) -> ProcessIdentity:
        started.append(launch(command, log=tmp_path / "log", cwd=tmp_path))
        return started[-1]

    yield start
    for process in started:
        end(process, timeout=0.1)


def test_a_launched_process_is_a_child_of_init_and_has_its_own_session(run):
    process = run("sleep", "60")

    assert process.is_running()
    assert process.pid not in {child.pid for child in psutil.Process().children(recursive=True)}
    assert os.getsid(process.pid) != os.getsid(0)


def test_a_process_is_found_again_by_its_saved_state(run):
    process = run("sleep", "60")

    assert ProcessIdentity.from_state(process.as_state()) == process
    assert ProcessIdentity.from_state({}) is None


def test_the_output_is_in_its_log(run, tmp_path):
    run("sh", "-c", "echo out; echo err >&2")

    assert wait_for(lambda: len(last_lines(tmp_path / "log")) == 2)
    assert last_lines(tmp_path / "log") == ["out", "err"]
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_a_missing_program_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        launch(["no-such-program"], log=tmp_path / "log", cwd=tmp_path)


def test_a_process_that_ignores_sigterm_is_killed(run, tmp_path):
    process = run(sys.executable, "-c", STUBBORN)
    wait_for(lambda: last_lines(tmp_path / "log"))
    end(process, timeout=0.2)

    assert not process.is_running()


def test_its_descendants_end_with_it(run, tmp_path):
    process = run(sys.executable, "-c", PARENT)
    child = int(wait_for(lambda: last_lines(tmp_path / "log"))[0])
    end(process)

    assert not process.is_running()
    wait_for(lambda: start_of(child) is None)


def test_ending_a_process_that_has_ended_is_no_error(run):
    process = run("sleep", "60")
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: not process.is_running())

    end(process)


def test_a_long_log_is_truncated(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"x" * (MAX_LOG_BYTES + 1))
    trim(log)

    assert log.stat().st_size == 0
    trim(tmp_path / "missing")


def test_the_process_that_listens_on_a_port_is_named(free_port):
    assert who_listens(free_port) == ""
    with socket.create_server(("127.0.0.1", free_port)):
        assert f"process {os.getpid()}, " in who_listens(free_port)


def test_a_port_is_waited_for(free_port):
    with socket.create_server(("127.0.0.1", free_port)):
        assert not wait_until_free("127.0.0.1", free_port, seconds=0.1)
    assert wait_until_free("127.0.0.1", free_port, seconds=0.1)
