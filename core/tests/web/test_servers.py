"""Start, progress and stop of servers in the API."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from plughub.domain.clock import isoformat, utcnow
from plughub.domain.servers import ProgressReport
from plughub.kinds import Progress
from plughub.web.api.progress import ProgressReports

SERVER = "/hub/api/users/alice/server"
LAB = "/hub/api/users/alice/servers/lab"


def model(answer):
    return json.loads(answer.body)


def events(answer):
    return read_events(answer.body)


def read_events(body):
    lines = [line for line in body.decode().split("\n") if line]
    assert all(line.startswith("data: ") for line in lines), "clients of JupyterHub know no other lines"
    return [json.loads(line[6:]) for line in lines]


class ProgressStream:
    """Progress of a start, read as it arrives."""

    def __init__(self, hub, program):
        self.hub = hub
        self.body = b""
        self.answer = asyncio.create_task(program.get(f"{SERVER}/progress", chunks=self._take))

    def _take(self, chunk):
        self.body += chunk

    async def wait_for(self, text):
        async def look():
            return text in self.body

        await self.hub.until(look)

    async def events(self):
        await self.answer
        return read_events(self.body)


async def pending(hub, kind="spawn", name=""):
    async def look():
        return (await hub.servers.get("alice", name)).pending == kind

    await hub.until(look)


async def test_start_within_time_limit(hub):
    program = await hub.program()
    answer = await program.post(SERVER)
    assert (answer.code, answer.body) == (201, b"")
    assert answer.headers["Content-Type"] == "text/plain"
    assert "/user/alice/" in hub.proxy.routes


async def test_start_beyond_time_limit(make_hub):
    hub = await make_hub(options={"slow_spawn_timeout": 0.05})
    hub.tiny.hold = asyncio.Event()
    program = await hub.program()
    assert (await program.post(SERVER)).code == 202
    assert model(await program.get(SERVER))["pending"] == "spawn"
    assert (await program.post(SERVER)).code == 202
    hub.tiny.hold.set()

    async def ready():
        return model(await program.get(SERVER))["ready"]

    await hub.until(ready)


async def test_failed_start_returns_reason(hub):
    hub.tiny.failure, hub.tiny.logs = "no room left on the machine", ("one", "token=abcdef123456")
    answer = await (await hub.program()).post(SERVER)
    assert answer.code == 500
    assert model(answer)["message"] == "no room left on the machine"
    assert model(answer)["logs"] == ["one", "token=[secret]"]


async def test_running_server_cannot_be_started(hub):
    await hub.running()
    answer = await (await hub.program()).post(SERVER)
    assert answer.code == 400
    assert "already running" in model(answer)["message"]


async def test_dead_server_can_be_started_again(hub):
    await hub.running()
    hub.tiny.end_all()
    assert (await (await hub.program()).post(SERVER)).code == 201


@pytest.mark.parametrize(
    ("body", "options"),
    [
        ({"size": 3}, {"size": 3}),
        ({"user_options": {"size": 3}}, {"size": 3}),
        ({"display_name": "Lab", "user_options": {"a": 1}}, {"a": 1}),
    ],
)
async def test_options_in_both_body_formats(hub, body, options):
    await (await hub.program()).post(SERVER, model=body)
    assert hub.tiny.started[0].options == options


async def test_options_of_last_start_are_kept(hub):
    program = await hub.program()
    await program.post(SERVER, model={"size": 3})
    assert (await program.delete(SERVER)).code == 204
    await program.post(SERVER)
    assert hub.tiny.started[1].options == {"size": 3}


async def test_unknown_keys_of_newer_format_are_refused(hub):
    answer = await (await hub.program()).post(SERVER, model={"user_options": {}, "sise": 3})
    assert (answer.code, model(answer)["message"]) == (
        400,
        "Invalid JSON keys: 'sise'; known keys: display_name, user_options, backend",
    )


async def test_stop(hub):
    await hub.running()
    program = await hub.program()
    answer = await program.delete(SERVER)
    assert (answer.code, answer.body) == (204, b"")
    assert "/user/alice/" not in hub.proxy.routes
    assert not hub.tiny.running
    assert (await program.delete(SERVER)).code == 204


async def test_stop_cancels_start(make_hub):
    hub = await make_hub(options={"slow_spawn_timeout": 0.05})
    hub.tiny.hold = asyncio.Event()
    program = await hub.program()
    await program.post(SERVER)
    assert (await program.delete(SERVER)).code == 204
    assert model(await program.get(SERVER))["stopped"] is True


async def test_named_servers_must_be_enabled(hub):
    answer = await (await hub.program()).post(LAB)
    assert answer.code == 400
    assert "named servers are not enabled" in model(answer)["message"]


async def test_named_servers(make_hub):
    hub = await make_hub(allow_named_servers=True)
    program = await hub.program()
    assert (await program.get(LAB)).code == 404
    assert (await program.post(LAB)).code == 201
    assert model(await program.get(LAB))["url"] == "/user/alice/lab/"
    assert (await program.delete(LAB)).code == 204
    assert model(await program.get(LAB))["stopped"] is True
    assert (await program.ask("DELETE", LAB, model={"remove": True})).code == 204
    assert (await program.get(LAB)).code == 404
    assert (await program.delete(LAB)).code == 404


async def test_remove_starting_named_server(make_hub):
    hub = await make_hub(allow_named_servers=True, options={"slow_spawn_timeout": 0.05})
    hub.tiny.hold = asyncio.Event()
    program = await hub.program()
    assert (await program.post(LAB)).code == 202
    assert (await program.ask("DELETE", LAB, model={"remove": True})).code == 204
    assert (await program.get(LAB)).code == 404


async def test_default_server_cannot_be_removed(hub):
    program = await hub.program()
    assert (await program.ask("DELETE", SERVER, model={"remove": True})).code == 400


@pytest.mark.parametrize("name", ["Lab", "l%20b", "x--y", "a" * 31, "..", "%0A"])
async def test_server_names_are_validated(make_hub, name):
    hub = await make_hub(allow_named_servers=True)
    answer = await (await hub.program()).post(f"/hub/api/users/alice/servers/{name}")
    assert answer.code in {400, 404}
    assert not hub.tiny.started


async def test_progress_of_successful_start(make_hub):
    hub = await make_hub(options={"slow_spawn_timeout": 0.05})
    hub.tiny.hold = asyncio.Event()
    hub.tiny.steps = (Progress(percent=30, message="unpacking", html="<b>unpacking</b>"),)
    program = await hub.program()
    await program.post(SERVER)
    progress = ProgressStream(hub, program)
    await progress.wait_for(b"unpacking")
    hub.tiny.hold.set()
    found, answer = await progress.events(), await progress.answer
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert "Etag" not in answer.headers
    assert found[0] == {"progress": 0, "message": "Server requested"}
    assert {"progress": 30, "message": "unpacking", "html_message": "<b>unpacking</b>"} in found
    assert found[-1]["ready"] is True
    assert found[-1]["url"] == "/user/alice/"
    assert found[-1]["progress"] == 100
    assert not any(event.get("ready") for event in found[:-1])


async def test_progress_of_failed_start(make_hub):
    hub = await make_hub(options={"slow_spawn_timeout": 0.05})
    hub.tiny.hold, hub.tiny.failure, hub.tiny.logs = asyncio.Event(), "no <room>", ("last words",)
    program = await hub.program()
    await program.post(SERVER)
    progress = ProgressStream(hub, program)
    await progress.wait_for(b"Server requested")
    hub.tiny.hold.set()
    last = (await progress.events())[-1]
    assert last["failed"] is True
    assert last["message"] == "Spawn failed: no <room>"
    assert last["logs"] == ["last words"]
    again = events(await program.get(f"{SERVER}/progress"))
    assert again == [last]


async def test_progress_includes_place_in_queue(make_hub):
    hub = await make_hub(concurrent_spawn_limit=1, options={"slow_spawn_timeout": 0.05})
    hub.tiny.hold = asyncio.Event()
    await (await hub.program("bob")).post("/hub/api/users/bob/server")
    program = await hub.program("alice")
    await program.post(SERVER)
    progress = ProgressStream(hub, program)
    await progress.wait_for(b"Waiting in the queue")
    hub.tiny.hold.set()
    found = await progress.events()
    assert {"progress": 0, "message": "Waiting in the queue: next", "place": 1} in found
    assert found[-1]["ready"] is True


async def test_progress_of_cancelled_start_ends(make_hub):
    hub = await make_hub(options={"slow_spawn_timeout": 0.05})
    hub.tiny.hold = asyncio.Event()
    program = await hub.program()
    await program.post(SERVER)
    progress = ProgressStream(hub, program)
    await progress.wait_for(b"Server requested")
    await program.delete(SERVER)
    assert (await progress.events())[-1] == {"progress": 100, "failed": True, "message": "Spawn cancelled"}


async def test_progress_of_running_server_is_ready_event(hub):
    await hub.running()
    found = events(await (await hub.program()).get(f"{SERVER}/progress"))
    assert [event.get("ready") for event in found] == [True]


async def test_stopped_server_has_no_progress(hub):
    program = await hub.program()
    for path in (SERVER, LAB, "/hub/api/users/nobody/server"):
        assert (await program.get(f"{path}/progress")).code == 404
    await hub.running()
    await program.delete(SERVER)
    assert (await program.get(f"{SERVER}/progress")).code == 404


async def test_start_counts_as_activity(hub):
    user, admin = await hub.user("bob"), await hub.admin()
    hub.tiny.hold = asyncio.Event()
    before = isoformat(utcnow())
    await hub.servers.start(user)
    shown = model(await admin.get("/hub/api/users/bob"))
    for last in (shown["last_activity"], shown["servers"][""]["last_activity"]):
        assert last >= before


async def test_reports_are_sent_once_even_if_old_ones_are_dropped(hub):
    hub.tiny.hold = asyncio.Event()
    user = await hub.user()
    record = await hub.servers.start(user)
    operation = record.operation
    steps, messages = ProgressReports(), []
    for first in range(0, 200, 7):
        reports = tuple(ProgressReport(1, str(number)) for number in range(first, first + 50))
        shown = replace(record, operation=replace(operation, place=None, progress=reports))
        events = list(steps.new(shown))
        messages += [event["message"] for event in events]
    assert messages == ["Server requested", *map(str, range(196 + 50))]
