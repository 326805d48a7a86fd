"""Identity of processes, although pids are reused."""

import os
import subprocess

import pytest

from plughub import processes
from plughub.classes.processes.identity import ProcessIdentity, start_of
from plughub.testing.conditions import wait_for


@pytest.fixture
def child():
    child = subprocess.Popen(["sleep", "600"])
    yield child
    child.kill()
    child.wait()


def test_a_later_process_with_the_same_pid_is_a_different_one(child):
    process = ProcessIdentity.of(child.pid)
    assert (process.pid, process.started) == (child.pid, start_of(child.pid))
    assert process.is_running()
    assert process.exists()
    ticks, _, boot = process.started.partition("@")
    for other in (f"{int(ticks) - 1}@{boot}", f"{ticks}@another boot", "", "gone"):
        later = ProcessIdentity(child.pid, other)
        assert not later.is_running()
        assert not later.exists()


def test_a_zombie_exists_but_does_not_run(child):
    process = ProcessIdentity.of(child.pid)
    child.kill()
    wait_for(lambda: not process.is_running())
    assert process.exists()
    assert ProcessIdentity.of(child.pid) == process
    assert start_of(child.pid) is None
    child.wait()
    assert not process.exists()
    assert ProcessIdentity.of(child.pid) is None


def test_the_numeric_start_time_distinguishes_two_processes(child):
    assert 0 < ProcessIdentity.of(os.getpid()).ticks <= ProcessIdentity.of(child.pid).ticks


@pytest.mark.parametrize("state", [{}, {"pid": "1", "started": "2"}, {"pid": 1}, {"started": "2"}])
def test_a_state_of_something_else_has_no_process(state):
    assert ProcessIdentity.from_state(state) is None


def test_the_former_name_causes_a_deprecation_warning():
    with pytest.warns(DeprecationWarning, match="ProcessIdentity"):
        assert processes.DetachedProcess is ProcessIdentity
