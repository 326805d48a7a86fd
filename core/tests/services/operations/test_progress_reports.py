import asyncio

import pytest
from sqlalchemy import text

from plughub import hookimpl
from plughub.kinds import Progress


class ProgressPlugin:
    """Adds progress reports to the spawner of these tests."""

    opened = 0

    @hookimpl
    async def hub_progress(self, server):
        self.opened += 1
        yield Progress(percent=10, message="unpacking")
        yield Progress(percent=20, message="mixing", html="<b>mixing</b>")
        yield Progress(percent=100, message="go ahead")
        await asyncio.Event().wait()


@pytest.fixture
def reports(hub):
    reports = ProgressPlugin()
    hub.hooks.caller.plugins.add_part("machine", "reports", reports)
    hub.hooks.caller.forget_cache()
    return reports


async def test_progress_is_stored_once_from_launch_to_answer(hub, machine, reports):
    machine.gate = asyncio.Event()
    asked = await hub.servers.start(await hub.user())
    async for server in hub.servers.changes(asked):
        said = [report.message for report in server.operation.progress] if server.operation else None
        if said == ["unpacking", "mixing", "go ahead"]:
            assert server.operation.progress[1].html == "<b>mixing</b>"
            machine.gate.set()
        if server.operation is None:
            break
    done = await hub.store.read(lambda tx: tx.operations.get(asked.operation.id))
    assert [report.message for report in done.progress][:3] == ["unpacking", "mixing", "go ahead"]
    assert reports.opened == 1


async def test_a_hub_that_lost_its_lease_does_not_overwrite_progress(make_hub, machine, until):
    machine.gate = asyncio.Event()
    first, second = make_hub(lease=1), make_hub(lease=1)
    asked = await first.servers.start(await first.user())
    await until(lambda: machine.running)
    job = first.runner._jobs[asked.operation.id]

    def change_hands(tx):
        tx.operations.release(first.settings.hub_id)
        return tx.operations.claim_one(asked.operation.id, second.settings.hub_id, 30)

    assert await second.store.write(change_hands)
    job.note("what the first hub says", 10)
    await job.flush_reports()
    operation = await second.store.read(lambda tx: tx.operations.get(asked.operation.id))
    assert [report.message for report in operation.progress] == []


async def test_progress_is_stored_after_a_failed_write(hub, machine, reports, until, caplog):
    machine.before = asyncio.Event()
    asked = await hub.servers.start(await hub.user())
    await until(lambda: machine.launches)
    rename = "ALTER TABLE {} RENAME TO {}"
    hub.database.run(lambda connection: connection.execute(text(rename.format("plughub_operations", "away"))))
    hub.runner._jobs[asked.operation.id].note("half of it", 50)
    await until(lambda: "cannot store the progress of the start of alice/ (" in caplog.text)
    hub.database.run(lambda connection: connection.execute(text(rename.format("away", "plughub_operations"))))
    async with asyncio.timeout(20):
        async for server in hub.servers.changes(asked):
            if "half of it" in [report.message for report in server.operation.progress]:
                break
    machine.before.set()


class StatePlugin:
    """Reports a state during the launch, and another one, too late, after it."""

    states = ({"job": "1"}, {"job": "too late"})

    def __init__(self):
        self.launched = asyncio.Event()

    @hookimpl
    async def hub_progress(self, server):
        yield Progress(percent=10, message="in the queue", state=self.states[0])
        await self.launched.wait()
        yield Progress(percent=20, message="too late", state=self.states[1])
        await asyncio.Event().wait()


async def test_a_state_that_cannot_be_saved_ends_the_reports_with_a_message(hub, machine, until, caplog):
    reports = StatePlugin()
    reports.states = ({"engine": object()}, {})
    hub.hooks.caller.plugins.add_part("machine", "reports", reports)
    hub.hooks.caller.forget_cache()
    machine.gate = asyncio.Event()
    asked = await hub.servers.start(await hub.user())
    await until(lambda: "ended early\nTraceback" in caplog.text and "not JSON serializable" in caplog.text)
    machine.gate.set()
    assert (await hub.servers.wait(asked, 20)).ready


async def state_of(hub, server):
    return (await hub.store.read(lambda tx: tx.servers.by_id(server.id))).state


async def seen(hub, asked, message):
    async for server in hub.servers.changes(asked):
        if server.operation and message in [report.message for report in server.operation.progress]:
            return


async def test_a_state_that_is_reported_during_the_launch_is_saved_until_the_launch_ends(hub, machine):
    reports = StatePlugin()
    hub.hooks.caller.plugins.add_part("machine", "reports", reports)
    hub.hooks.caller.forget_cache()
    machine.gate, machine.silent = asyncio.Event(), True
    asked = await hub.servers.start(await hub.user())
    await seen(hub, asked, "in the queue")
    assert await state_of(hub, asked) == {"job": "1"}
    machine.gate.set()
    await seen(hub, asked, "Server launched, waiting for it to answer")
    reports.launched.set()
    await seen(hub, asked, "too late")
    assert await state_of(hub, asked) == {"launch": machine.launches[0]}


async def test_the_next_hub_stops_what_a_killed_one_was_launching_by_the_reported_state(make_hub, machine):
    machine.inventory_is_missing = True
    machine.gate = asyncio.Event()
    first = make_hub(lease=0.4)
    first.hooks.caller.plugins.add_part("machine", "reports", StatePlugin())
    first.hooks.caller.forget_cache()
    asked = await first.servers.start(await first.user())
    await seen(first, asked, "in the queue")
    await first.crash()
    machine.gate = None
    second = make_hub()
    server = await second.servers.wait(asked, 20)
    assert machine.seen["stop"].state == {"job": "1"}
    assert machine.seen["spawn"].state == {}
    assert server.ready
