"""The engine's events replace polls of idle containers, and nothing is lost when their stream breaks."""

import asyncio
import json
import queue
import socketserver
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

import pytest
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.kinds import Watched
from plughub.testing.conditions import reading, until
from plughub.testing.contracts.spawner import NAME, SpawnerUnderTest, make_server
from plughub.threads import ThreadPools
from plughub_docker import marks, reachable_containers
from plughub_docker.spawner import DockerSpawner
from plughub_docker.testing.event_relay import EventRelay

PORT = 8888


class FakeEngine(socketserver.ThreadingUnixStreamServer):
    """Answers what polls ask, counts it, and sends events."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path):
        self.url, self.containers, self.requests, self.streams = f"unix://{path}", [], [], []
        super().__init__(str(path), FakeAnswers)

    def handle_error(self, request, client_address):
        """Ignore clients that close their connection."""

    def send(self, event):
        for stream in self.streams:
            stream.put(event)

    def counted(self):
        """Return the paths requested since the last call."""
        found, self.requests = self.requests, []
        return [path for path in found if not path.endswith(("/version", "/info", "/events"))]


class FakeAnswers(BaseHTTPRequestHandler):
    server: FakeEngine
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = urlsplit(self.path).path
        self.server.requests.append(path)
        if path.endswith("/events"):
            return self.stream()
        answers = {
            "version": {"ApiVersion": "1.41"},
            "info": {"LiveRestoreEnabled": True},
            "containers/json": self.server.containers,
        }
        return self.answer(next(content for name, content in answers.items() if path.endswith(f"/{name}")))

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self):
        events = queue.Queue()
        self.server.streams.append(events)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while (event := events.get()) is not None:
            line = json.dumps(event).encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.close_connection = True

    def log_message(self, *_):
        """Log nothing."""


@pytest.fixture
def fake(tmp_path):
    with FakeEngine(tmp_path / "fake.sock") as engine:
        thread = threading.Thread(target=engine.serve_forever, args=[0.05])
        thread.start()
        yield engine
        engine.send(None)
        engine.shutdown()
        thread.join()


@pytest.fixture
def pools():
    pools = ThreadPools()
    yield pools
    pools.close()


def container_of(server, number):
    """Return what an engine lists for the running container of a server."""
    labels = marks.labels_of(server, NAME, kept=False)
    return {
        "Id": server.state["object_id"],
        "Names": [f"/one-{number}"],
        "State": "running",
        "Labels": {**labels, **marks.address_labels(PORT, "http", published=20_000 + number)},
        "Ports": [{"IP": "127.0.0.1", "PrivatePort": PORT, "PublicPort": 20_000 + number, "Type": "tcp"}],
        "HostConfig": {"NetworkMode": "default"},
        "NetworkSettings": {"Networks": {}},
    }


def fill(engine, count):
    """Let an engine run some containers; return the records of their servers."""
    known = {"mark": f"mark-of-{count}"}
    servers = [
        make_server(
            f"user{number}",
            url=f"http://127.0.0.1:{20_000 + number}",
            state={"object_id": f"{number:064x}", "object_name": f"one-{number}"},
            **known,
        )
        for number in range(count)
    ]
    engine.containers = [container_of(server, number) for number, server in enumerate(servers)]
    return servers


async def comes(reports, operation):
    """Wait until an operation is reported."""
    async with asyncio.timeout(30):
        while await reports.get() != operation:
            pass


def clear(reports):
    while not reports.empty():
        reports.get_nowait()


async def poll_as_the_hub(hooks, server):
    answer = await hooks.poll_watched(NAME, server)
    assert await hooks.verify_address(NAME, server)
    return answer


@pytest.mark.parametrize("count", [3, 200])
async def test_polls_of_many_idle_containers_take_one_request_to_the_engine(
    fake, pools, tmp_path, monkeypatch, count
):
    monkeypatch.setattr(reachable_containers, "SETTLED_SECONDS", 0)  # these servers run for long
    monkeypatch.setattr(reachable_containers, "LISTING_SECONDS", 0)  # without events, each poll asks
    config = Config({"DockerSpawner": {"client_kwargs": {"base_url": fake.url}}})
    servers = fill(fake, count)
    one = SpawnerUnderTest(lambda: SpawnerHooks(NAME, DockerSpawner, config, tmp_path), servers[0], pools)

    async def poll_all():
        return [await poll_as_the_hub(one.hooks, server) for server in servers]

    assert set(await poll_all()) == {None}, "nobody reads the events"
    async with reading(one.hooks.watch(NAME, servers[0].mark)) as reports:
        await comes(reports, servers[-1].operation)
        fake.counted()
        assert set(await poll_all()) == {Watched()}
        assert len(fake.counted()) == 1, "the stream has just begun"
        assert set(await poll_all()) == {Watched()}
        assert fake.counted() == []
        gone = fake.containers.pop()
        fake.send({"Action": "die", "Actor": {"ID": gone["Id"], "Attributes": {}}})
        await comes(reports, servers[-1].operation)
        assert await one.hooks.poll_watched(NAME, servers[0]) == Watched()
        assert len(fake.counted()) == 1, "an event drops the list"
        fake.send(None)
        await comes(reports, servers[0].operation)  # the stream is back
    assert await one.hooks.poll_watched(NAME, servers[0]) is None


async def test_a_container_that_was_not_followed_before_the_poll_is_polled_again_soon(
    fake, pools, tmp_path, monkeypatch
):
    monkeypatch.setattr(reachable_containers, "SETTLED_SECONDS", 0)
    config = Config({"DockerSpawner": {"client_kwargs": {"base_url": fake.url}}})
    known, new = (replace(server, mark="mark-of-new") for server in fill(fake, 2))
    fake.containers = [container_of(server, number) for number, server in enumerate((known, new))]
    one = SpawnerUnderTest(lambda: SpawnerHooks(NAME, DockerSpawner, config, tmp_path), known, pools)
    await one.poll()
    async with reading(one.hooks.watch(NAME, known.mark)) as reports:
        await comes(reports, known.operation)
        answers = [await one.hooks.poll_watched(NAME, new) for _ in range(2)]
        assert answers == [None, Watched()]


async def test_a_class_with_polls_of_its_own_is_not_watched():
    class Own(DockerSpawner):
        async def poll(self):
            return await super().poll()

    followed = property(lambda self: True)
    assert type("Plain", (DockerSpawner,), {"is_followed": followed})().is_watched
    assert not type("Changed", (Own,), {"is_followed": followed})().is_watched


@pytest.mark.docker
@pytest.mark.timeout(120)
async def test_a_container_that_ends_while_the_stream_is_broken_is_found(spawners, engine, tmp_path):
    with EventRelay(tmp_path) as relay:
        settings = {"client_kwargs": {"base_url": relay.url}}
        alice = spawners(**settings)
        bob = spawners(username="bob", server=make_server("bob", mark=alice.server.mark), **settings)
        async with reading(alice.hooks.watch(NAME, alice.server.mark)) as reports:
            for one in (alice, bob):
                await one.start()
                await until(lambda one=one: is_watched(one))
            clear(reports)

            relay.cut()
            await comes(reports, alice.server.operation)
            await comes(reports, bob.server.operation)
            assert await alice.hooks.poll_watched(NAME, alice.record) is None, "polled as without events"
            engine.kill(alice.started.state["object_id"])
            assert await alice.wait() == 137
            assert reports.empty()

            engine.kill(bob.started.state["object_id"])
            relay.restore()
            await comes(reports, bob.server.operation)
            assert await bob.wait() == 137
        for one in (alice, bob):
            await one.stop(now=True)


@pytest.mark.docker
@pytest.mark.timeout(120)
async def test_the_end_of_a_watched_container_is_reported(spawners, engine):
    spawner = spawners()
    async with reading(spawner.hooks.watch(NAME, spawner.server.mark)) as reports:
        await spawner.start()
        await until(lambda: is_watched(spawner))
        clear(reports)
        engine.kill(spawner.started.state["object_id"])
        await comes(reports, spawner.server.operation)
        assert await spawner.poll() == 137
    await spawner.stop(now=True)


async def is_watched(spawner):
    return isinstance(await spawner.hooks.poll_watched(NAME, spawner.record), Watched)
