import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psutil
import pytest
from traitlets.config import Config

from plughub.processes import ProcessIdentity, start_of
from plughub.testing.conditions import until
from plughub_localprocess.children import ChildProcesses
from plughub_localprocess.groups import ProcessGroup
from plughub_localprocess.process_stop import StopFailedError, end_group
from plughub_localprocess.simple_spawner import SimpleLocalProcessSpawner


async def child_of(spawner):
    """The process id of the child that a probe server reports."""

    async def written():
        return [line for line in await spawner.logs() if line.startswith("child ")]

    return int((await until(written))[0].split()[1])


async def until_it_has_ended(pid):
    """A killed process has no memory any more, and so is no member of its group, a moment before it is a zombie."""

    async def has_ended():
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    await until(has_ended, seconds=2)


async def test_a_server_that_ends_at_the_first_signal_gets_no_other(simple):
    spawner = simple()
    await spawner.start()
    await spawner.facts()

    await spawner.stop()

    assert (await spawner.logs())[-1] == f"probe server ends after signal {int(signal.SIGINT)}"


async def test_a_server_that_ignores_sigint_and_sigterm_is_killed(simple):
    spawner = simple("--stubborn", interrupt_timeout=0.1, term_timeout=0.1)
    pid = (await spawner.start()).state["pid"]
    await spawner.facts()

    await spawner.stop()

    assert await spawner.poll() == -signal.SIGKILL
    assert not psutil.pid_exists(pid)


async def test_the_signals_of_a_stop_follow_each_other_after_the_configured_seconds(simple):
    spawner = simple("--stubborn", interrupt_timeout=0.1, term_timeout=0.1)
    await spawner.start()
    await spawner.facts()

    async with asyncio.timeout(20):  # less than the default of either
        await spawner.stop()

    assert await spawner.poll() == -signal.SIGKILL


def test_the_last_signal_has_the_configured_seconds():
    config = Config({"LocalProcessSpawner": {"kill_timeout": 7}})
    assert SimpleLocalProcessSpawner(config=config)._steps(now=True) == [(signal.SIGKILL, 7)]


async def test_a_group_that_outlives_the_seconds_of_the_last_signal_fails_the_stop(stranger):
    group = ProcessGroup(ProcessIdentity.of(stranger.pid))

    with pytest.raises(StopFailedError, match=str(stranger.pid)):
        await end_group(group, [(signal.SIGCONT, 0.1)], asyncio.to_thread)

    assert stranger.poll() is None


async def test_an_immediate_stop_sends_sigkill_only(simple):
    spawner = simple("--stubborn")
    await spawner.start()
    await spawner.facts()
    begin = time.monotonic()

    await spawner.stop(now=True)

    assert time.monotonic() - begin < 5
    assert await spawner.poll() == -signal.SIGKILL


async def test_the_end_of_a_server_is_detected_without_pidfd(simple, monkeypatch):
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    spawner = simple()
    await spawner.start()
    await spawner.facts()

    await spawner.stop()

    assert (await spawner.logs())[-1] == f"probe server ends after signal {int(signal.SIGINT)}"
    assert await spawner.poll() is not None


async def test_members_of_the_group_end_with_their_server(simple):
    spawner = simple("--leaves-child", interrupt_timeout=5, term_timeout=0.1)
    await spawner.start()
    child = await child_of(spawner)
    await spawner.facts()

    await spawner.stop()

    await until_it_has_ended(child)


async def test_members_that_a_dead_server_left_behind_are_ended(simple):
    spawner = simple("--leaves-child", interrupt_timeout=0.1, term_timeout=0.1)
    pid = (await spawner.start()).state["pid"]
    child = await child_of(spawner)
    os.kill(pid, signal.SIGKILL)
    assert await spawner.wait() == -signal.SIGKILL
    assert psutil.Process(child).status() != psutil.STATUS_ZOMBIE
    spawner.new_hub()

    await spawner.stop()

    await until_it_has_ended(child)


@pytest.fixture
def stranger():
    """A process that leads its own group and belongs to no server."""
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    yield process
    process.kill()
    process.communicate()


async def test_a_process_that_got_the_number_of_a_dead_server_is_left_alone(simple, stranger):
    spawner = simple()
    state = dict((await spawner.start()).state)
    await spawner.stop(now=True)
    spawner.new_hub()
    ticks, _, boot = start_of(stranger.pid).partition("@")
    earlier = {"pid": stranger.pid, "started": f"{int(ticks) - 1}@{boot}"}
    spawner.server = replace(spawner.server, state={**state, **earlier})

    assert await spawner.poll() == 0
    await spawner.stop(now=True)

    assert stranger.poll() is None


async def test_a_server_is_known_by_a_state_that_has_the_boot_first(simple):
    spawner = simple()
    state = dict((await spawner.start()).state)
    ticks, _, boot = state["started"].partition("@")
    spawner.new_hub()
    spawner.server = replace(spawner.server, state={**state, "started": f"{boot}/{ticks}"})

    assert await spawner.poll() is None
    await spawner.stop(now=True)

    assert start_of(state["pid"]) is None


async def test_members_of_a_foreign_group_are_not_signalled_when_its_leader_is_gone():
    code = "import os, subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()']); os._exit(0)"
    leader = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, start_new_session=True, env={"SIGN": "theirs"}
    )
    leader.wait()
    theirs = ProcessGroup(ProcessIdentity(leader.pid, "long ago"), {"SIGN": "theirs"})
    ours = ProcessGroup(ProcessIdentity(leader.pid, "long ago"), {"SIGN": "ours"})

    async def members():
        return theirs.members()

    try:
        await until(members)
        assert not ours.members()
        ours.signal(signal.SIGKILL)
        assert theirs.members()
    finally:
        theirs.signal(signal.SIGKILL)
        leader.communicate()


async def test_ended_servers_leave_no_zombies(simple):
    first = simple("--exit=0")
    pid = (await first.start()).state["pid"]
    await until_zombie_or_gone(pid)

    await simple(username="bob").start()

    assert ProcessIdentity.of(pid) is None


async def until_zombie_or_gone(pid):
    async def dead():
        return start_of(pid) is None or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    await until(dead)


def test_a_concurrent_reader_of_the_exit_code_waits_for_it():
    children, child = ChildProcesses(), subprocess.Popen(["sleep", "600"])
    server = ProcessIdentity.of(child.pid)
    children.add(server, child)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    with ThreadPoolExecutor(1) as other:
        with child._waitpid_lock:  # type: ignore[attr-defined]
            asking = other.submit(children.exit_code, server)
            with pytest.raises(TimeoutError):
                asking.result(0.2)
        assert asking.result() == -signal.SIGKILL


async def test_the_exit_code_is_not_known_to_another_hub_process(simple, monkeypatch):
    spawner = simple("--exit=4")
    await spawner.start()
    assert await spawner.wait() == 4
    monkeypatch.setattr("plughub_localprocess.spawner.CHILDREN", ChildProcesses())

    spawner.new_hub()

    assert await spawner.poll() == 0


def test_old_exit_codes_are_dropped():
    children = ChildProcesses(limit=2)
    identities = []
    for code in range(4):
        child = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"])
        identities.append(ProcessIdentity(child.pid, str(code)))
        children.add(identities[-1], child)
        child.wait()
    children.reap()

    assert [children.exit_code(identity) for identity in identities] == [None, None, 2, 3]


def test_a_start_asks_the_system_once_for_all_children_not_for_each():
    # In a process of its own, because other tests leave children of this one.
    script = """
        import subprocess
        from plughub.processes import ProcessIdentity
        from plughub_localprocess.children import ChildProcesses

        class Child(subprocess.Popen):
            polls = 0

            def poll(self):
                Child.polls += 1
                return super().poll()

        children = ChildProcesses()
        running = [Child(["sleep", "600"]) for _ in range(3)]
        for number, child in enumerate(running):
            children.add(ProcessIdentity(child.pid, str(number)), child)
        print(Child.polls)
        running[0].kill()
        while not Child.polls:
            children.reap()
        print(children.exit_code(ProcessIdentity(running[0].pid, "0")))
        for child in running[1:]:
            child.kill()
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    assert subprocess.check_output(command, text=True, timeout=60).split() == ["0", "-9"]


async def test_a_server_of_a_jupyterhub_state_is_adopted_by_its_environment(simple):
    spawner = simple()
    pid = (await spawner.start()).state["pid"]
    await spawner.facts()
    spawner.new_hub()
    spawner.server = replace(spawner.server, state={"pid": pid}, operation="")

    assert await spawner.poll() is None

    spawner.server = replace(spawner.server, user=replace(spawner.server.user, name="bob"))
    assert await spawner.poll() == 0
    await spawner.stop(now=True)
    assert await spawner.answers()

    spawner.server = replace(spawner.server, user=replace(spawner.server.user, name="alice"))
    await spawner.stop()
    assert not await spawner.answers()


async def test_processes_of_an_interrupted_start_are_ended_by_its_operation(simple):
    spawner = simple()
    await spawner.start()
    await spawner.facts()
    spawner.new_hub()
    spawner.server = replace(spawner.server, state={})

    await spawner.stop()

    assert not await spawner.answers()


async def test_another_operation_is_not_ended_with_it(simple):
    spawner = simple()
    await spawner.start()
    await spawner.facts()
    kept = spawner.server
    spawner.new_hub()
    spawner.server = replace(kept, state={}, operation="another-operation")

    await spawner.stop(now=True)

    assert await spawner.answers()
    spawner.server = kept
