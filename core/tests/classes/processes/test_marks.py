"""Processes whose launcher died before it recorded them."""

import os
import sys
from pathlib import Path

import pytest

from plughub.classes.processes.detached import end, launch
from plughub.classes.processes.marks import find_marked, marked

PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1).wait()"


@pytest.fixture
def start(tmp_path):
    """Launch a process that has a child, with a mark."""
    started = []

    def go(mark):
        process = launch(
            [sys.executable, "-c", PARENT],
            log=tmp_path / "log",
            cwd=tmp_path,
            environment=marked(dict(os.environ), mark),
        )
        started.append(process)
        return process

    yield go
    for process in started:
        end(process)


def test_a_process_is_found_by_its_mark_and_its_children_are_not(start, tmp_path):
    process = start(str(tmp_path))

    assert find_marked(str(tmp_path)) == process


def test_a_process_with_another_mark_is_not_found(start, tmp_path):
    start(f"{tmp_path}-other")

    assert find_marked(str(tmp_path)) is None


def test_a_process_that_ended_is_not_found(start, tmp_path):
    end(start(str(tmp_path)))

    assert find_marked(str(tmp_path)) is None


@pytest.mark.root
@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_a_mark_on_a_process_of_another_user_is_ignored(start, tmp_path):
    command = ["/bin/sleep", "60"]
    forged = launch(
        command, log=tmp_path / "log", cwd=Path("/"), environment=marked({}, str(tmp_path)), user="nobody"
    )
    try:
        assert find_marked(str(tmp_path)) is None
        process = start(str(tmp_path))
        assert find_marked(str(tmp_path)) == process
    finally:
        end(forged)
