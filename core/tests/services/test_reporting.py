import asyncio

import pytest

from plughub import hookimpl
from plughub.kinds import Progress


class Reports:
    """Adds a report to the spawner of these tests."""

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
    reports = Reports()
    hub.hooks.caller.plugins.add_part("machine", "reports", reports)
    hub.hooks.caller.forget_cache()
    return reports


async def test_what_a_plugin_reports_is_stored_once_from_launch_to_answer(hub, machine, reports):
    machine.gate = asyncio.Event()
    asked = await hub.servers.start(await hub.user())
    async for server in hub.servers.changes(asked):
        said = [report["message"] for report in server.operation.progress] if server.operation else None
        if said == ["unpacking", "mixing", "go ahead"]:
            assert server.operation.progress[1]["html_message"] == "<b>mixing</b>"
            machine.gate.set()
        if server.operation is None:
            break
    done = await hub.store.read(lambda tx: tx.operations.get(asked.operation.id))
    assert [report["message"] for report in done.progress][:3] == ["unpacking", "mixing", "go ahead"]
    assert reports.opened == 1
