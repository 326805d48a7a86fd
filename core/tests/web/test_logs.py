"""Logs of servers: read and followed by their owner and by administrators."""

import asyncio
import json
from dataclasses import replace

import pytest

from plughub.domain.audit import AuditQuery
from plughub.services.servers import logs as service
from plughub.services.servers.start_durations import UsualDuration
from plughub.web.api import logs as api
from plughub.web.pages.spawn_pending import describe_usual

LOGS = "/hub/api/users/alice/server/logs"


class Stream:
    """A stream of log lines, put together as a page does."""

    def __init__(self, client, path=f"{LOGS}/stream", **more):
        self.body = b""
        self.answer = asyncio.create_task(client.get(path, chunks=self._take, **more))

    def _take(self, chunk):
        self.body += chunk

    @property
    def events(self):
        return [json.loads(line[6:]) for line in self.body.decode().split("\n") if line.startswith("data: ")]

    @property
    def last_id(self):
        return [line[4:] for line in self.body.decode().split("\n") if line.startswith("id: ")][-1]

    @property
    def lines(self):
        first, lines = 0, []
        for event in self.events:
            if event["reset"]:
                first, lines = event["from"], []
            lines = [*lines[: event["from"] - first], *event["lines"]]
        return lines

    async def until(self, hub, condition):
        async def holds():
            return condition(self)

        await hub.until(holds)

    def close(self):
        self.answer.cancel()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(api, "LOG_TAIL_SECONDS", 0.02)


@pytest.fixture
async def logged(hub):
    """A hub with a running server of alice that has written three lines."""
    hub.services.logs.tails.seconds = 0.01
    hub.tiny.logs = ("first", "second", "API_TOKEN=abcdef0123456789")
    await hub.running()
    return hub


async def test_the_last_lines_are_an_api_call_without_secrets(logged):
    alice = await logged.program()

    answer = await alice.get(f"{LOGS}?lines=2")

    assert json.loads(answer.body) == {"lines": ["second", "API_TOKEN=[secret]"], "live": True}
    assert (await alice.get(f"{LOGS}?lines=many")).code == 400
    assert (await alice.get(f"{LOGS}?lines=-1")).code == 400
    assert json.loads((await alice.get(f"{LOGS}?lines=0")).body)["lines"] == []


async def test_a_log_is_downloaded_as_a_text_file(make_hub):
    hub = await make_hub(allow_named_servers=True)
    hub.tiny.logs = ("first", "zweite Zeile: ü")
    await hub.running(server="lab")
    alice = await hub.program()

    answer = await alice.get("/hub/api/users/alice/servers/lab/logs?download=1")

    assert answer.body.decode() == "first\nzweite Zeile: ü\n"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''alice-lab.log"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_new_lines_are_streamed_once(logged):
    stream = Stream(await logged.program())
    await stream.until(logged, lambda stream: stream.events)
    logged.tiny.logs += ("fourth",)
    await stream.until(logged, lambda stream: len(stream.events) == 2)

    assert stream.events[0]["lines"] == ["first", "second", "API_TOKEN=[secret]"]
    assert stream.events[1] == {"reset": False, "from": 3, "lines": ["fourth"], "live": True, "problem": ""}
    stream.close()


async def test_a_line_that_was_incomplete_is_replaced(logged):
    stream = Stream(await logged.program())
    await stream.until(logged, lambda stream: stream.events)
    for line in ("10%", "20%", "100% done"):
        logged.tiny.logs = ("first", "second", line)
        await stream.until(logged, lambda stream, line=line: stream.lines[-1] == line)

    assert stream.lines == ["first", "second", "100% done"]
    assert {event["from"] for event in stream.events[1:]} == {2}
    stream.close()


async def test_a_stream_goes_on_where_the_last_one_ended(logged):
    alice = await logged.program()
    before = Stream(alice)
    await before.until(logged, lambda stream: stream.events)
    key = before.last_id
    logged.tiny.logs = (*logged.tiny.logs[1:], "fourth")

    by_browser = Stream(alice, headers={"Last-Event-ID": key})
    by_address = Stream(alice, f"{LOGS}/stream?since={key}")
    foreign = Stream(alice, headers={"Last-Event-ID": "other:2"})
    for stream in (by_browser, by_address, foreign):
        await stream.until(logged, lambda stream: stream.events and stream.lines[-1] == "fourth")

    for stream in (before, by_browser, by_address, foreign):
        stream.close()
    for stream in (by_browser, by_address):
        assert (stream.events[0]["from"], stream.events[0]["reset"]) == (2, False)
    assert foreign.events[0]["reset"]


async def test_a_stream_ends_with_its_server_and_shows_the_last_lines(logged):
    stream = Stream(await logged.program())
    await stream.until(logged, lambda stream: stream.events)
    server = await logged.servers.get("alice", "")
    await logged.servers.stop(server)
    await asyncio.wait_for(stream.answer, 20)

    assert stream.lines[0] == "first"
    assert [event["live"] for event in stream.events][-1] is False


async def test_a_starting_server_is_followed_into_its_next_launch(logged):
    alice = await logged.program()
    server = await logged.servers.get("alice", "")
    await logged.servers.wait(await logged.servers.stop(server), 20)
    logged.tiny.hold, logged.tiny.logs = asyncio.Event(), ("new launch",)
    await logged.servers.start(await logged.user())

    stream = Stream(alice)
    await stream.until(logged, lambda stream: stream.lines == ["new launch"])
    logged.tiny.logs += ("ready",)
    await stream.until(logged, lambda stream: stream.lines == ["new launch", "ready"])
    assert json.loads((await alice.get(LOGS)).body)["lines"] == ["new launch", "ready"]
    stream.close()


async def test_a_failed_start_leaves_its_lines(logged):
    alice = await logged.program()
    server = await logged.servers.get("alice", "")
    await logged.servers.wait(await logged.servers.stop(server), 20)
    logged.tiny.failure, logged.tiny.logs = "no memory", ("out of memory",)
    server = await logged.servers.wait(await logged.servers.start(await logged.user()), 20)
    assert server.failure

    assert json.loads((await alice.get(LOGS)).body)["lines"] == ["out of memory"]
    stream = Stream(alice)
    await asyncio.wait_for(stream.answer, 20)
    assert stream.lines == ["out of memory"]


async def test_many_readers_cost_one_reading(logged, monkeypatch):
    logged.services.logs.tails.seconds = 60
    readings = []
    logs = logged.hooks.logs
    monkeypatch.setattr(
        type(logged.hooks), "logs", lambda _, *args: readings.append(args) or logs(*args), raising=True
    )
    streams = [Stream(await logged.program()) for _ in range(5)]
    for stream in streams:
        await stream.until(logged, lambda stream: stream.events)
        stream.close()

    assert len(readings) == 1


async def test_streams_of_one_reader_are_limited_until_they_are_closed(logged, monkeypatch):
    monkeypatch.setattr(service, "STREAMS_OF_READER", 1)
    alice = await logged.program()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(logged.address.rpartition(":")[2]))
    head = (
        f"GET {LOGS}/stream HTTP/1.1\r\nHost: hub\r\nAuthorization: {alice.headers['Authorization']}\r\n\r\n"
    )
    writer.write(head.encode())
    await asyncio.wait_for(reader.readuntil(b"data: "), 20)

    refused = await alice.get(f"{LOGS}/stream")
    writer.close()

    assert (refused.code, json.loads(refused.body)["message"]) == (
        429, "too many logs are open: close some of them",
    )  # fmt: skip

    async def is_free():
        return not logged.services.logs.streams

    await logged.until(is_free)


async def test_a_log_that_cannot_be_read_is_reported(logged, monkeypatch):
    alice = await logged.program()
    stream = Stream(alice)
    await stream.until(logged, lambda stream: stream.events)

    logged.tiny.logs = None  # the plugin fails
    await stream.until(logged, lambda stream: stream.events[-1]["problem"])
    refused = await alice.get(LOGS)
    logged.tiny.logs = ("first", "second", "API_TOKEN=abcdef0123456789", "again")
    await stream.until(logged, lambda stream: not stream.events[-1]["problem"])

    assert (refused.code, json.loads(refused.body)["message"]) == (
        503, "The log cannot be read at the moment.",
    )  # fmt: skip
    assert stream.lines == ["first", "second", "API_TOKEN=[secret]", "again"]
    stream.close()


async def test_a_log_on_another_machine_is_not_read_here(logged):
    server = await logged.servers.get("alice", "")

    with pytest.raises(Exception, match="can only be read on the machine elsewhere"):
        await logged.services.logs.read(replace(server, host="elsewhere"), 10)


@pytest.mark.parametrize(
    ("scopes", "code"),
    [
        (["start:servers!user=alice"], 200),
        (["admin:server_state!server=alice/"], 200),
        (["admin:servers"], 200),
        (["start:servers!user=bob"], 404),
        (["access:servers", "read:servers", "delete:servers", "list:users"], 403),
    ],
)
async def test_reading_a_log_needs_a_scope_of_its_owner_or_of_an_administrator(logged, scopes, code):
    await logged.holder("bob", *scopes)
    bob = await logged.program("bob", *scopes)

    assert (await bob.get(LOGS)).code == code
    stream = Stream(bob)
    await stream.until(logged, lambda stream: stream.body or stream.answer.done())
    assert bool(stream.events) == (code == 200)
    stream.close()


async def test_reading_the_log_of_another_user_is_audited(logged):
    alice, root = await logged.program(), await logged.admin()
    await alice.get(LOGS)
    stream = Stream(root, f"{LOGS}/stream?since=any:1")
    await stream.until(logged, lambda stream: stream.events)
    stream.close()
    await root.get(LOGS)
    await root.get("/hub/logs/alice")

    async def audited():
        return await logged.store.read(lambda tx: tx.audit.page(AuditQuery(kind="read-logs"), 0, 10))

    found = await logged.until(audited)
    assert [(entry.actor, entry.user) for entry in found] == [("root", "alice")], "once in ten minutes"


@pytest.mark.parametrize(
    ("median", "longest", "words"),
    [
        (0.2, 0.9, "This usually takes about a second."),
        (12.2, 12.4, "This usually takes about 12 seconds."),
        (12, 40, "This usually takes 12 to 40 seconds."),
        (50, 170, "This usually takes 1 to 3 minutes."),
        (290, 305, "This usually takes about 5 minutes."),
    ],
)
def test_the_usual_duration_is_described_in_seconds_or_minutes(median, longest, words):
    assert describe_usual(UsualDuration(median, longest)) == words


async def test_only_readers_of_a_log_find_it_on_the_pages_of_a_start(logged):
    logged.tiny.hold = asyncio.Event()
    server = await logged.servers.get("alice", "")
    await logged.servers.wait(await logged.servers.stop(server), 20)
    await logged.servers.start(await logged.user())
    await logged.holder("bob", "read:servers!user=alice", "delete:servers!user=alice")
    alice, bob = await logged.logged_in(), await logged.logged_in("bob")

    assert b"/logs/stream" in (await alice.get("/hub/spawn-pending/alice")).body
    page = (await bob.get("/hub/spawn-pending/alice")).body
    assert b"progress-bar" in page
    assert b"/logs" not in page
    assert (await bob.get("/hub/logs/alice")).code == 404


async def test_an_administrator_of_a_group_reads_the_logs_of_its_members(logged):
    await logged.user("carol")

    def work(tx):
        tx.groups.create(["class"])
        tx.groups.add_users("class", ["alice"])

    await logged.store.write(work)
    await logged.holder("bob", "admin:servers!group=class")
    bob = await logged.logged_in("bob")

    page = (await bob.get("/hub/logs/alice")).body
    assert b"first" in page
    assert b"/logs/stream" in page
    assert (await bob.get("/hub/logs/carol")).code == 404
    server = await logged.servers.get("alice", "")
    await logged.servers.wait(await logged.servers.stop(server), 20)
    assert b"log-start" in (await bob.get("/hub/logs/alice")).body

    logged.tiny.hold = asyncio.Event()
    await logged.servers.start(await logged.user())
    assert b"/logs/stream" in (await bob.get("/hub/spawn-pending/alice")).body
