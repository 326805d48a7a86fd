"""Signals, closed terminals and closed streams: what stops a hub, and what it survives."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from plughub.app.signals import EndSignals
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub.testing.quick import starts

PLUGINS = ("--plugins", "simple,dummy,haproxy")
CONFIG = "c.Authenticator.allow_all = True\n"
INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


@pytest.mark.parametrize(
    ("came", "acts"),
    [
        ([(TERM, 0)], ["end"]),
        ([(HUP, 0)], ["end"]),
        ([(INT, 0), (INT, 0.1)], ["end"]),
        ([(INT, 0), (INT, 2)], ["end", "abort"]),
        ([(INT, 0), (TERM, 0.1)], ["end", "abort"]),
        ([(TERM, 0), (HUP, 0.1)], ["end"]),
        ([(TERM, 0), (HUP, 9)], ["end"]),
        ([(HUP, 0), (HUP, 9)], ["end"]),
        ([(HUP, 0), (TERM, 0.1)], ["end"]),
        ([(HUP, 0), (TERM, 9)], ["end", "abort"]),
    ],
)
def test_the_first_signal_shuts_down_and_a_later_independent_one_aborts(came, acts):
    done = []
    signals = EndSignals(lambda: done.append("end"), lambda: done.append("abort"))
    for number, at in came:
        signals.receive(number, 100.0 + at)
    assert done == acts


def wrapped(tmp_path, command):
    """Write a program that runs Python through a wrapper, and return its path."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{command}\n")
    program.chmod(0o755)
    return str(program)


def answers(hub):
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{hub.hub_url}/hub/api", timeout=5) as answer:
        return answer.status == 200
    return False


@pytest.fixture
def run(tmp_path):
    """Run a hub by a shell command until it responds."""
    hubs = []

    def launch(command, config=CONFIG):
        hub = HubProcess(tmp_path / "hub", *PLUGINS, config=config, python=wrapped(tmp_path, command))
        hubs.append(hub)
        hub._launch()
        wait_for(lambda: answers(hub), 30)
        return hub

    yield launch
    for hub in hubs:
        hub.end_everything()


PYTHON = shlex.quote(sys.executable)
IN_TERMINAL = (
    "import os, sys; os.login_tty(os.open(sys.argv[1], os.O_RDWR)); os.execv(sys.argv[2], sys.argv[2:])"
)


@pytest.fixture
def terminal():
    """Open a terminal; returns the prefix of a command that runs in it, and a function that closes it."""
    ours, theirs = os.openpty()
    opened = [ours, theirs]

    def close():
        while opened:
            os.close(opened.pop())

    yield f"{PYTHON} -c {shlex.quote(IN_TERMINAL)} {os.ttyname(theirs)}", close
    close()


def test_a_closed_terminal_ends_it_with_nothing_left(run, terminal):
    in_terminal, close = terminal
    hub = run(f'exec {in_terminal} {PYTHON} "$@"')
    close()
    assert hub.process.wait(30) == 0
    hub.assert_nothing_left()


def test_a_hub_that_ignores_the_signal_continues_without_its_terminal(run, terminal):
    in_terminal, close = terminal
    hub = run(f"trap '' HUP; exec {in_terminal} {PYTHON} \"$@\" --debug")
    close()
    hub.process.send_signal(HUP)
    assert answers(hub)  # and logs it
    assert answers(hub)
    assert hub.stop() == 0
    hub.assert_nothing_left()


def test_nohup_keeps_a_hub_from_ending_with_its_terminal(run):
    hub = run(f'exec nohup {PYTHON} "$@"')
    hub.process.send_signal(HUP)
    assert answers(hub)
    assert hub.stop() == 0
    hub.assert_nothing_left()


def test_a_hub_continues_after_the_reader_of_its_output_has_ended(run, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    hub = run(f'exec {PYTHON} "$@" --debug >{pipe} 2>&1')
    os.close(reader)
    assert answers(hub)
    assert hub.stop() == 0
    hub.assert_nothing_left()


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_hub_runs_with_closed_streams_and_none_of_its_files_takes_their_place(run, closed):
    hub = run(f'exec {PYTHON} "$@" {closed}')
    streams = {number: str(Path(f"/proc/{hub.process.pid}/fd/{number}").readlink()) for number in range(3)}
    assert set(streams.values()) <= {
        "/dev/null",
        *(str(hub.folder / f"hub-std{name}.log") for name in ("out", "err")),
    }
    assert hub.stop() == 0
    hub.assert_nothing_left()


WRITES = """
import sys
from plughub.cli.streams import ignore_write_errors
ignore_write_errors()
for stream in (sys.stdout, sys.stderr):
    for _ in range(3):
        print("a line" * 3000, file=stream, flush=True)
    stream.buffer.write(b"bytes")
"""


@pytest.mark.parametrize("where", ["/dev/full", "pipe"])
def test_a_failed_write_is_no_error_in_a_hub_or_its_plugins(where, tmp_path):
    into = ">/dev/full 2>&1" if where == "/dev/full" else "2>&1 | true"
    command = f"{PYTHON} -c {shlex.quote(WRITES)} {into}; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


@starts
def test_a_command_whose_output_is_lost_fails_without_a_traceback(tmp_path):
    command = f"{PYTHON} -m plughub plugins >/dev/full"
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")


# ---- signals while it starts

SLOW_TO_BUILD = """
import asyncio
from plughub.auth import Authenticator

class Slow(Authenticator):
    async def authenticate(self, handler, data): ...

    async def load_managed_roles(self):
        print("it is slow", flush=True)
        await asyncio.sleep(25)
        return []

c.JupyterHub.authenticator_class = Slow
c.Authenticator.manage_roles = True
"""
SLOW_PROXY = """
import asyncio
import pathlib
from plughub_haproxy.proxy import HAProxyProxy

class Slow(HAProxyProxy):
    async def start(self):
        print("it is slow", flush=True)
        while not pathlib.Path("go").exists():
            await asyncio.sleep(0.02)
        return await super().start()

c.JupyterHub.proxy_class = Slow
"""


def test_a_hub_that_is_ended_while_it_starts_does_not_finish_the_start(tmp_path):
    hub = HubProcess(tmp_path / "hub", "--plugins", "simple,haproxy", config=CONFIG + SLOW_TO_BUILD)
    try:
        hub._launch()
        wait_for(lambda: "it is slow" in hub.stdout, 30)
        assert hub.stop(timeout=15) == 0
        assert hub.stderr.endswith("hub: stopped during startup\n")
        assert "Traceback" not in hub.stderr
        hub.assert_nothing_left()
    finally:
        hub.end_everything()


def test_a_hub_that_is_ended_while_its_proxy_starts_stops_it_again(tmp_path):
    hub = HubProcess(tmp_path / "hub", "--plugins", "simple,dummy", config=CONFIG + SLOW_PROXY)
    try:
        hub._launch()
        wait_for(lambda: "it is slow" in hub.stdout, 30)
        hub.process.send_signal(TERM)
        (hub.folder / "go").touch()
        assert hub.process.wait(30) == 0
        assert hub.stdout.endswith("hub: stopping\n")
        hub.assert_nothing_left()
    finally:
        hub.end_everything()
