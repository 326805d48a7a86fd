import asyncio
import contextlib
import logging

import pytest
from sqlalchemy import text

from plughub.domain.errors import InvalidError
from plughub.domain.timings import BEAT_SECONDS
from plughub.services.coordination import background_loops
from plughub.services.coordination.background_loops import next_tick, repeat, run_forever, wait_for_event


class FlakyWork:
    """Fails in one way after another, and then works."""

    def __init__(self, *faults):
        self.faults, self.works = list(faults), asyncio.Event()

    async def turn(self):
        if self.faults:
            raise self.faults.pop(0)
        self.works.set()
        await asyncio.sleep(0)


async def until_it_works(work, loop):
    looking = asyncio.create_task(loop)
    async with asyncio.timeout(30):
        await work.works.wait()
    looking.cancel()
    await asyncio.wait({looking}, timeout=10)
    assert looking.cancelled()


async def test_a_failing_call_is_logged_and_repeated(caplog):
    work = FlakyWork(InvalidError("the disk is full"), KeyError("gone"))
    await until_it_works(work, repeat(work.turn, 0, "cannot look", logging.getLogger("plughub.tests")))
    assert [record.getMessage() for record in caplog.records] == [
        "cannot look: the disk is full",
        "cannot look",
    ]
    assert "KeyError: 'gone'" in caplog.text


async def test_a_loop_that_ends_is_restarted(monkeypatch, caplog):
    monkeypatch.setattr(background_loops, "RESTART_LOOP_SECONDS", 0)
    work = FlakyWork(KeyError("gone"))
    await until_it_works(work, run_forever(work.turn))
    assert "FlakyWork.turn failed and is restarted" in caplog.text


@pytest.mark.parametrize("pause", [BEAT_SECONDS, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("now", [0.0, 0.1, 1.0, 1000.003, 4711.24, 86400.77])
def test_loops_with_any_interval_start_at_common_ticks_and_never_late(now, pause):
    due = next_tick(now, pause)
    assert now + pause - BEAT_SECONDS < due <= now + pause
    assert (due / BEAT_SECONDS).is_integer()


def test_delays_shorter_than_a_tick_are_kept():
    assert [next_tick(7.1, pause) for pause in (0, 0.05)] == [7.1, 7.1 + 0.05]


async def test_an_event_is_consumed_once():
    event = asyncio.Event()
    event.set()
    async with asyncio.timeout(30):
        await wait_for_event(event, 600)
        assert not event.is_set()
        await wait_for_event(event, 0)


async def test_an_unexpected_error_restarts_a_loop(hub, until, caplog, machine):
    server = await hub.started()
    hub.poller._due[server.id, server.launch] = 0
    rename = "ALTER TABLE {} RENAME TO {}"
    hub.database.run(lambda connection: connection.execute(text(rename.format("users", "users_away"))))
    looking = asyncio.create_task(run_forever(hub.poller.run))
    await until(lambda: "users" in caplog.text)
    hub.database.run(lambda connection: connection.execute(text(rename.format("users_away", "users"))))
    await machine.kill(server.launch)
    assert (await hub.servers.wait(await dead(hub, server), 10)).failure.exit_code == 3
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking


async def dead(hub, server):
    async with asyncio.timeout(15), contextlib.aclosing(hub.servers.changes(server)) as changes:
        async for current in changes:
            if not current.ready:
                return current
    raise AssertionError


@pytest.mark.parametrize("turns", range(5))
async def test_a_loop_that_is_woken_and_cancelled_at_once_ends(make_hub, turns):
    hub = make_hub()
    await hub.user()
    looking = asyncio.create_task(hub.runner.claim_free_operations())
    for _ in range(5):
        await asyncio.sleep(0)
    hub.runner.notify(free=True)
    for _ in range(turns):
        await asyncio.sleep(0)
    looking.cancel()
    ended, _ = await asyncio.wait({looking}, timeout=5)
    looking.cancel()
    assert ended
