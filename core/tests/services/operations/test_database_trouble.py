import asyncio
import contextlib
import time
from datetime import timedelta

import pytest
from sqlalchemy import text

from plughub.domain.clock import utcnow
from plughub.domain.servers import Status
from plughub.services.routes.activity import ActivityService


def rename(hub, old, new):
    """Rename a table, which makes its queries fail, or name it back."""
    hub.database.run(lambda connection: connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}")))


@contextlib.contextmanager
def operations_locked(hub):
    """Lock the operations so that they cannot be written."""
    with hub.database.engine.connect() as connection, connection.begin():
        lock = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "LOCK TABLE plughub_operations IN EXCLUSIVE MODE"}
        connection.execute(text(lock[connection.dialect.name]))
        yield


@pytest.mark.parametrize(("table", "words"), [("servers", "retrying"), ("plughub_operations", "waits")])
async def test_a_launch_that_could_not_be_stored_is_found_and_not_repeated(
    make_hub, machine, until, caplog, table, words
):
    hub = make_hub()
    machine.gate = asyncio.Event()
    asked = await hub.servers.start(await hub.user())
    await until(lambda: machine.running)
    rename(hub, table, "away")
    machine.gate.set()
    await until(lambda: words in caplog.text)
    rename(hub, "away", table)
    server = await hub.servers.wait(asked, 10)
    assert server.status is Status.RUNNING
    assert machine.launches == [server.launch]


def lease_ran_out(hub, operation):
    query = text("SELECT lease_until FROM plughub_operations WHERE id = :key")
    work = lambda connection: connection.execute(query, {"key": operation.id}).scalar_one()  # noqa: E731
    return hub.database.run(work, write=False) < time.time()


async def test_a_start_survives_an_outage_of_the_database_longer_than_its_lease(
    make_hub, machine, until, caplog
):
    machine.gate = asyncio.Event()
    machine.forgetful = True
    hub = make_hub(lease=1)
    asked = await hub.servers.start(await hub.user())
    await until(lambda: machine.running)
    with operations_locked(hub):
        await until(lambda: lease_ran_out(hub, asked.operation))
    await until(lambda: not lease_ran_out(hub, asked.operation))
    machine.gate.set()
    server = await hub.servers.wait(asked, 10)
    assert (server.status, machine.launches) == (Status.RUNNING, [server.launch])
    assert "another hub" not in caplog.text


async def test_activity_is_written_after_an_outage(hub):
    server = await hub.started()
    activity, at = ActivityService(hub.store, hub.settings), utcnow() + timedelta(minutes=1)
    activity.record_server(server.id, at)
    rename(hub, "spawners", "spawners_away")
    with pytest.raises(Exception, match=r"spawners|not available"):
        await activity.flush()
    rename(hub, "spawners_away", "spawners")
    await activity.flush()
    assert (await hub.servers.get("alice", "")).last_activity == at
