"""CPU time and memory of a server: of its whole process tree, and of nothing else."""

import subprocess
import sys

import pytest

from plughub.processes import ProcessIdentity
from plughub_localprocess.process_usage import ProcessTable

MEBIBYTE = 2**20
KERNEL = "memory = b'x' * (60 * 2**20); print('ready', flush=True); input()"
PARENT = f"""
import subprocess, sys
kernel = subprocess.Popen([sys.executable, "-c", {KERNEL!r}], stdin=subprocess.PIPE, start_new_session={{session}})
input()
kernel.communicate(b"\\n")
"""


def process(code):
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("session", [False, True], ids=["child", "child in a session of its own"])
def test_the_usage_is_that_of_the_process_and_its_children(session):
    with process(PARENT.format(session=session)) as server, process(KERNEL) as other:
        for one in (server, other):
            assert one.stdout.readline() == "ready\n"
        identity = ProcessIdentity.of(server.pid)

        usage = ProcessTable().usage_of(identity)
        server.stdin.write("\n")
        other.communicate("\n")

        assert 60 * MEBIBYTE < usage.memory < 110 * MEBIBYTE
    assert ProcessTable().usage_of(identity) is None


def test_the_cpu_time_of_children_that_have_ended_counts():
    child = "import time\nwhile time.process_time() < 0.3: pass"
    busy = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with process(f"{busy}; print('ready', flush=True); input()") as server:
        assert server.stdout.readline() == "ready\n"

        usage = ProcessTable().usage_of(ProcessIdentity.of(server.pid))
        server.communicate("\n")

    assert usage.cpu_seconds > 0.2


def test_a_process_with_the_number_of_an_ended_server_is_not_measured():
    with process("print('ready', flush=True); input()") as other:
        assert other.stdout.readline() == "ready\n"

        assert ProcessTable().usage_of(ProcessIdentity(other.pid, "1@earlier")) is None
        other.communicate("\n")
