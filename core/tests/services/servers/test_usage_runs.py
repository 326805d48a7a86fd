"""Runs in usage accounting, across crashes of hub processes and deaths of servers."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from plughub.domain.servers import Status
from plughub.domain.usage import Outcome, UsageQuery

EVERYTHING = UsageQuery(since=0, until=2**40)
EARLIER = 7200.0


async def runs_of(hub):
    return await hub.store.read(lambda tx: tx.runs.page(EVERYTHING, 0, 9))


async def happened_earlier(hub):
    """Move what is known about the running server into the past."""
    activity = "datetime(last_activity, '-2 hours')"
    if hub.database.engine.dialect.name == "postgresql":
        activity = "last_activity - interval '2 hours'"

    def work(tx):
        moved = ", ".join(
            f"{name} = {name} - {EARLIER}" for name in ("requested", "admitted", "started", "seen")
        )
        tx._connection.execute(text(f"UPDATE plughub_runs SET {moved}"))
        tx._connection.execute(text(f"UPDATE spawners SET last_activity = {activity}"))

    await hub.store.write(work)


async def ended(hub, server):
    async for current in hub.servers.changes(server):
        if current.status is Status.STOPPED and current.operation is None:
            return
    raise AssertionError("the server has not ended")


async def test_a_server_that_died_while_no_hub_ran_was_used_until_it_was_last_seen(make_hub, machine):
    first = make_hub()
    server = await first.started()
    await first.poller.run_once()
    await happened_earlier(first)
    (before,) = await runs_of(first)
    await first.hub_registry.leave()  # otherwise its leases last some seconds
    await first.crash()
    await machine.kill(server.launch)
    second = make_hub()
    await second.poller.run_once()
    await ended(second, server)
    (run,) = await runs_of(second)
    assert run.outcome is Outcome.DIED
    assert run.ended - before.started == pytest.approx(0, abs=60)


async def test_a_server_that_another_hub_process_adopts_has_one_run(make_hub):
    first = make_hub()
    server = await first.started()
    await happened_earlier(first)
    (before,) = await runs_of(first)
    await first.hub_registry.leave()  # otherwise its leases last some seconds
    await first.crash()
    second = make_hub()
    await second.poller.adopt(None)
    await second.poller.run_once()
    (run,) = await runs_of(second)
    assert (run.id, run.started, run.ended) == (before.id, before.started, None)
    await second.stopped(server)
    (run,) = await runs_of(second)
    assert run.outcome is Outcome.STOPPED
    assert run.ended - run.started == pytest.approx(EARLIER, abs=60)


async def test_a_poll_notes_that_a_server_still_runs(hub, machine):
    server = await hub.started()
    await happened_earlier(hub)
    await hub.poller.run_once()  # notes it
    await machine.kill(server.launch)
    hub.poller._due.clear()
    await hub.poller.run_once()
    await ended(hub, server)
    (run,) = await runs_of(hub)
    assert run.ended - run.started == pytest.approx(EARLIER, abs=60)


async def test_a_server_that_cannot_be_stopped_is_still_in_use(hub, machine, monkeypatch):
    monkeypatch.setattr("plughub.services.operations.stop.TRIES", 1)
    server = await hub.started()
    machine.stop_error = RuntimeError("the engine is stuck")
    await hub.stopped(server)
    (run,) = await runs_of(hub)
    assert (run.ended, run.outcome) == (None, Outcome.OPEN)
    machine.stop_error = None
    await hub.stopped(server)
    assert [found.outcome for found in await runs_of(hub)] == [Outcome.STOPPED]
