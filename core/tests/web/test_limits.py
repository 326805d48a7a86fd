"""Size and time limits for clients on the hub's own port."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import tracemalloc
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest
from tornado.web import RequestHandler

from plughub.domain.clock import utcnow
from plughub.handlers import APIHandler
from plughub.kinds import Page
from plughub.web import listener
from plughub.web.base import ANONYMOUS_BODY_LIMIT, MAX_BODY
from plughub.web.connections import MAX_CONNECTIONS, RESERVED_DESCRIPTORS, Connections, max_connections

DEADLINE = 20
EVERYWHERE = [
    "/hub/login", "/hub/spawn", "/hub/spawn/alice", "/hub/token", "/hub/api/users", "/hub/api/oauth2/token",
    "/hub/api/nothing", "/hub/nothing", "/hub/static/css/hub.css", "/hub/raw", "/hub/security/csp-report",
    "/user/alice/api", "/", "/nothing",
]  # fmt: skip
SLOW = "POST /hub/login HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n"


class RawHandler(RequestHandler):
    """Plugin handler that does not derive from the hub's."""

    def post(self):
        self.finish(f"{len(self.request.body)}")

    def check_xsrf_cookie(self):
        pass


class LargeBodyHandler(APIHandler):
    """Plugin call that allows longer bodies."""

    async def longest_body(self, name="", server=""):
        return 2 * MAX_BODY if (name, server) == ("large", "") else await super().longest_body(name, server)

    async def post(self, name):
        self.finish(name)


class RawClient:
    """Connection to the hub's own port."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def send(self, text, body=b""):
        self.writer.write(text.encode() + body)
        await self.writer.drain()
        return self

    async def status(self):
        async with asyncio.timeout(DEADLINE):
            line = await self.reader.readline()
        return int(line.split()[1]) if line else None

    async def is_closed(self):
        async with asyncio.timeout(DEADLINE):
            try:
                await self.reader.read()
            except ConnectionError:
                return True
        return self.reader.at_eof()


@pytest.fixture
async def connect():
    async with AsyncExitStack() as stack:

        async def go(hub):
            parts = urlsplit(hub.address)
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            stack.callback(writer.close)
            return RawClient(reader, writer)

        yield go


class DelayedHandler(APIHandler):
    """Plugin call that delays its response."""

    go = asyncio.Event()

    async def post(self):
        await self.go.wait()
        self.finish(f"{len(self.request.body)}")


@pytest.fixture
async def hub(make_hub):
    DelayedHandler.go = asyncio.Event()
    pages = (
        Page(path="/raw", handler=RawHandler),
        Page(path="/api/takes/([a-z]+)", handler=LargeBodyHandler),
        Page(path="/api/held", handler=DelayedHandler),
    )
    return await make_hub(pages=pages)


def post(path, length, *more):
    headers = ["Host: x", f"Content-Length: {length}", *more]
    return f"POST {path} HTTP/1.1\r\n" + "".join(f"{line}\r\n" for line in headers) + "\r\n"


async def test_announced_anonymous_body_is_refused_before_it_is_sent(hub, connect):
    for path in EVERYWHERE:
        waits = post(path, ANONYMOUS_BODY_LIMIT + 1, "Expect: 100-continue")
        assert await (await (await connect(hub)).send(waits)).status() == 413, path
        endless = post(path, 10**12)
        assert await (await (await connect(hub)).send(endless)).status() == 413, path
        whole = await (await connect(hub)).send(
            post(path, ANONYMOUS_BODY_LIMIT + 1), b"x" * (ANONYMOUS_BODY_LIMIT + 1)
        )
        assert await whole.status() == 413, path
        assert hub.application.connections.bodies.total == 0


async def test_chunked_body_has_same_limit(hub, connect):
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    for path in EVERYWHERE:
        client = await connect(hub)
        await client.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.send("", chunk * 3 + b"0\r\n\r\n")
        assert await client.status() == 413, path
        assert hub.application.connections.bodies.total == 0


async def test_short_body_is_read_without_authentication(hub, connect):
    whole = await (await connect(hub)).send(
        post("/hub/raw", ANONYMOUS_BODY_LIMIT), b"x" * ANONYMOUS_BODY_LIMIT
    )
    assert await whole.status() == 200
    chunked = await connect(hub)
    await chunked.send("POST /hub/raw HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    await chunked.send("", b"3\r\nabc\r\n0\r\n\r\n")
    assert await chunked.status() == 200


async def test_valid_login_raises_limit_and_invalid_token_does_not(hub):
    program = await hub.program()
    much = b'{"scopes": "' + b"x" * (MAX_BODY - 100) + b'"}'
    assert (await program.ask("POST", "/hub/api/users/alice/tokens", body=much)).code == 400
    assert (await program.ask("POST", "/hub/raw", body=much)).code == 200
    assert (await program.ask("POST", "/hub/raw", body=much + b"x" * 200)).code == 413
    browser = await hub.logged_in()
    assert (await browser.post("/hub/raw", body=much)).code == 200
    anonymous = hub.browser(Authorization="token nonsense")
    assert (await anonymous.ask("POST", "/hub/api/users/alice/tokens", body=much)).code == 413


async def test_plugin_page_sets_body_limit_for_signed_in_users(hub):
    program, anonymous = await hub.program(), hub.browser()
    much = b"x" * (2 * MAX_BODY)
    assert (await program.ask("POST", "/hub/api/takes/large", body=much)).code == 200
    assert (await program.ask("POST", "/hub/api/takes/large", body=much + b"x")).code == 413
    assert (await program.ask("POST", "/hub/api/takes/little", body=much)).code == 413
    assert (await anonymous.ask("POST", "/hub/api/takes/large", body=much)).code == 413


def upload(xsrf, size):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="_xsrf"\r\n\r\n' + xsrf.encode() + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="key"; filename="k"\r\n\r\n'
        + b"f" * size
        + b"\r\n--x--\r\n"
    )
    return {"body": body, "headers": {"Content-Type": "multipart/form-data; boundary=x"}}


async def test_start_page_accepts_files_if_spawner_has_form(make_hub):
    hub = await make_hub(options={"spawn_form_limit": 4 * MAX_BODY})
    browser = await hub.logged_in()
    assert (await browser.post("/hub/spawn", **upload(browser.xsrf, 2 * MAX_BODY))).code == 413
    hub.tiny.form = '<input type="file" name="key">'
    kept = await browser.post("/hub/spawn", **upload(browser.xsrf, 2 * MAX_BODY))
    assert (kept.code, b"contain a file" in kept.body) == (400, True)
    assert (await browser.post("/hub/spawn", **upload(browser.xsrf, 5 * MAX_BODY))).code == 413
    assert (await browser.post("/hub/spawn/bob", **upload(browser.xsrf, 2 * MAX_BODY))).code in {
        403,
        404,
        413,
    }
    assert (await hub.browser().post("/hub/spawn", **upload("", 2 * MAX_BODY))).code == 413


async def test_slow_bodies_are_bounded_and_block_no_other_client(hub, connect):
    connections = hub.application.connections
    connections.bodies.most = connections.bodies.share = 10 * ANONYMOUS_BODY_LIMIT
    slow = []
    for _ in range(30):
        slow.append(
            await (await connect(hub)).send(
                SLOW.format(ANONYMOUS_BODY_LIMIT), b"x" * (ANONYMOUS_BODY_LIMIT - 1)
            )
        )
        assert connections.bodies.total <= connections.bodies.most
    await hub.until(lambda: _holds(lambda: connections.bodies.total >= 9 * (ANONYMOUS_BODY_LIMIT - 1)))
    assert connections.bodies.total <= connections.bodies.most
    assert await slow[0].is_closed()
    assert (await hub.browser().get("/hub/login")).code == 200
    assert (
        await (await slow[-1].send("", b"x")).status() == 403
    )  # read completely, and refused for lack of a token


async def test_bodies_in_progress_are_bounded_per_user_and_in_total(hub, connect):
    bodies = hub.application.connections.bodies
    bodies.most, bodies.share = 3 * MAX_BODY, 2 * MAX_BODY

    async def begin(name):
        token = (await hub.program(name)).headers["Authorization"]
        head = post("/hub/api/held", MAX_BODY, f"Authorization: {token}", "Expect: 100-continue")
        client = await (await connect(hub)).send(head)
        return client, await client.status()

    async def whole(name):
        client, status = await begin(name)
        assert status == 100, name
        await client.reader.readline()
        return await client.send("", b"x" * MAX_BODY)

    answered = [await whole("alice"), await whole("alice")]
    await hub.until(lambda: _holds(lambda: hub.application.open_requests == 2))
    for _ in range(20):
        client, status = await begin("alice")
        assert status == 503, "alice's share is used up, so nothing of this body is read"
        assert b"Retry-After" in await client.reader.readuntil(b"\r\n\r\n")
        assert bodies.total == 2 * MAX_BODY
    answered.append(await whole("bob"))
    assert (await begin("carol"))[1] == 503, "the total limit is reached"
    assert (await hub.browser().get("/hub/login")).code == 200
    assert bodies.total == bodies.most
    DelayedHandler.go.set()
    assert [await client.status() for client in answered] == [200] * 3
    await hub.until(lambda: _holds(lambda: bodies.total == 0))
    assert await (await whole("carol")).status() == 200


async def test_awaited_body_gives_way_to_same_user_only(hub, connect):
    bodies = hub.application.connections.bodies
    bodies.share = 2 * MAX_BODY
    clients = {}
    for name in ("bob", "alice", "alice", "alice"):
        token = (await hub.program(name)).headers["Authorization"]
        head = post("/hub/api/held", MAX_BODY, f"Authorization: {token}")
        clients.setdefault(name, []).append(await (await connect(hub)).send(head, b"x"))
        counted = min(sum(map(len, clients.values())), 3) * MAX_BODY  # type: ignore[arg-type]
        await hub.until(lambda counted=counted: _holds(lambda: bodies.total == counted))
    assert await clients["alice"][0].is_closed()
    assert bodies.total == 3 * MAX_BODY
    DelayedHandler.go.set()
    for client in (clients["bob"][0], *clients["alice"][1:]):
        assert await (await client.send("", b"x" * (MAX_BODY - 1))).status() == 200


async def test_idle_connections_give_way_to_active_ones(hub, connect):
    connections = hub.application.connections
    connections.most = 20
    silent = [await (await connect(hub)).send(("", "GET", SLOW.format(9))[n % 3]) for n in range(60)]
    assert (await hub.browser().get("/hub/login")).code == 200
    assert len(connections) <= 20
    assert await silent[0].is_closed()


async def test_request_in_progress_is_not_closed_for_others(hub, connect):
    hub.tiny.hold = asyncio.Event()
    connections = hub.application.connections
    program = await hub.program()
    starting = asyncio.create_task(program.post("/hub/api/users/alice/server"))
    await hub.until(lambda: _holds(lambda: hub.tiny.started))
    connections.most = 5
    for _ in range(20):
        await (await connect(hub)).send(SLOW.format(9))
    hub.tiny.hold.set()
    assert (await starting).code == 201


@pytest.mark.parametrize("sent", ["", "GET /hub/login HT", SLOW.format(9), SLOW.format(9) + "a"])
async def test_stalled_client_times_out(make_hub, connect, monkeypatch, sent):
    monkeypatch.setattr(listener, "HEADER_SECONDS", 0.2)
    monkeypatch.setattr(listener, "BODY_SECONDS", 0.2)
    hub = await make_hub()
    client = await (await connect(hub)).send(sent)
    assert await client.is_closed()
    assert (await hub.browser().get("/hub/login")).code == 200


async def test_pipelined_requests_are_ordered_and_bounded(hub, connect):
    client = await connect(hub)
    await client.send("GET /hub/api/ HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
    for _ in range(20):
        assert await client.status() == 200
        async with asyncio.timeout(DEADLINE):
            head = await client.reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            await client.reader.readexactly(int(length.split(b":")[1]))
    hub.tiny.hold = asyncio.Event()
    token = (await hub.program()).headers["Authorization"]
    await client.send(post("/hub/api/users/alice/server", 2, f"Authorization: {token}"), b"{}")
    await hub.until(lambda: _holds(lambda: hub.tiny.started))
    client.writer.write(b"GET /hub/api/ HTTP/1.1\r\nHost: x\r\n\r\n" * 100_000)
    (connection,) = hub.server._connections
    assert (await hub.browser().get("/hub/login")).code == 200
    ahead = connection.stream._read_buffer_size
    assert 0 < ahead <= listener.MAX_BUFFER
    bodies = hub.application.connections.bodies
    bodies.most = 2 + ahead + 10
    assert not hub.application.connections.admit(object(), "x", 11), "pipelined bytes are counted"
    assert hub.application.connections.admit(object(), "x", 10)
    hub.tiny.hold.set()
    assert await client.status() == 201


async def test_websocket_request_to_hub_is_handled_as_plain_request(hub, connect):
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    client = await (await connect(hub)).send(f"GET /hub/nothing HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n")
    assert await client.status() == 404


async def test_headers_have_size_limit(hub, connect):
    client = await connect(hub)
    with pytest.raises((ConnectionError, AssertionError)):  # noqa: PT012 - whichever write meets the end
        await client.send("GET /hub/login HTTP/1.1\r\nX-Long: ")
        for _ in range(100):
            await client.send("x" * 65536)
        assert await client.status() == 200


def test_descriptors_are_reserved_for_other_uses():
    assert max_connections(1024) == 1024 - RESERVED_DESCRIPTORS
    assert max_connections(10) == RESERVED_DESCRIPTORS
    assert max_connections(1_000_000) == MAX_CONNECTIONS


def test_client_that_reads_no_response_is_closed_last():
    class StreamDouble:
        def __init__(self, *, stuck):
            self.stuck, self.closed = stuck, False

        def writing(self):
            return self.stuck

        def close(self):
            self.closed = True

    connections = Connections(most=2)
    good, stuck, new = StreamDouble(stuck=False), StreamDouble(stuck=True), StreamDouble(stuck=False)
    for stream in (good, stuck):
        connections.mark_waiting(stream, stream)
        assert connections.admit(stream, f"{stream.stuck}", connections.bodies.most // 2)
        connections.mark_complete(stream)
    connections.mark_waiting(new, new)
    assert (good.closed, stuck.closed, new.closed) == (False, False, True)
    assert connections.admit(object(), "third", 1)
    assert stuck.closed
    assert not connections.admit(object(), "fourth", connections.bodies.most)
    assert not good.closed


async def _holds(condition):
    return condition()


@pytest.mark.parametrize("path", ["/hub/user/alice/api", "/hub/spawn/alice"])
async def test_body_is_freed_with_response_without_garbage_collection(hub, path):
    browser = await hub.logged_in()
    body = b"x" * 1_000_000
    kind = {"Content-Type": "application/octet-stream"}
    await browser.post(path, body=body, headers=kind)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(4):
            await browser.post(path, body=body, headers=kind)
        assert tracemalloc.get_traced_memory()[0] < len(body)
    finally:
        tracemalloc.stop()
        gc.enable()


async def test_responses_have_the_present_date_and_are_sent_at_once(hub, connect):
    client = await connect(hub)
    for _ in range(2):
        await client.send("GET /hub/api/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = (await client.reader.readuntil(b"}")).decode()
        date = parsedate_to_datetime(re.search("Date: (.*)\r\n", answer)[1])
        assert abs((utcnow() - date).total_seconds()) < DEADLINE
        assert "Etag" not in answer
    (stream,) = hub.application.connections._waiting.values()
    assert stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
