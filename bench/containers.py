"""Many containers at once: the time that the hub adds to the engine's, and the hub's response time meanwhile.

The engine's own time is measured without a hub: as many threads as the hub uses create and start the same
containers, until each answers. The rest of a start's duration is spent by the hub. During the run without a
hub, a client requests an otherwise idle tornado server, which shows how the machine's load affects response
times. Compare the figures of one run; on a loaded machine all of them grow.
"""

from __future__ import annotations

import asyncio
import http.client
import ipaddress
import json
import multiprocessing
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Self

import docker
import tornado.httpserver
import tornado.netutil
import tornado.web

from bench.rows import Measurement, Options, Part, Row, Value
from plughub.testing import probe_server
from plughub.testing.client import ApiClient, client_of
from plughub.testing.hub import HubProcess
from plughub_docker.testing.images import PYTHON, build, python_paths

THREADS = 4
"""Concurrent creations of containers, as in the hub (DockerSpawner.concurrent_launches)."""
CALLERS = 16
PEOPLE = 50
ALONE = 5
COMMAND = [PYTHON, "/opt/probe_server.py"]
LOOK = 0.05
LOOK_AT_ALL = 0.25
"""Seconds between two requests of the user list, which costs as much as ten short answers."""


class Bench:
    """One engine, one image, and a name prefix for all containers."""

    def __init__(self) -> None:
        self.engine = docker.APIClient(version="auto", timeout=120, max_pool_size=64)
        files = {"/opt/probe_server.py": Path(probe_server.__file__).read_bytes()}
        self.image = build(self.engine, "plughub-tests-tiny", python_paths(), files, ["USER 1000:1000"])
        self.prefix = f"phbench{secrets.token_hex(4)}"
        network = self.engine.inspect_network("bridge")["IPAM"]["Config"][0]
        hosts = ipaddress.ip_network(network["Subnet"]).hosts()
        self.gateway = network.get("Gateway") or str(next(hosts))

    def remove_all(self) -> None:
        """Remove the containers."""
        for one in self.engine.containers(all=True, filters={"name": f"^/{self.prefix}"}):
            self.engine.remove_container(one["Id"], force=True, v=True)

    def bare(self, names: Sequence[str]) -> list[float]:
        """Start containers without a hub.

        Args:
            names: of the containers.

        Returns:
            Seconds from the beginning until each answered.
        """
        begin = time.monotonic()
        with ThreadPoolExecutor(THREADS) as makers, ThreadPoolExecutor(len(names)) as server_watch:
            made = [makers.submit(self._make, name) for name in names]

            def until_it_answers(port: Future[int]) -> float:
                return wait(lambda: listens(port.result())) - begin

            seconds = list(server_watch.map(until_it_answers, made))
        self.remove_all()
        return seconds

    def _make(self, name: str) -> int:
        ports = {8888: ("127.0.0.1",)}
        host = self.engine.create_host_config(port_bindings=ports, network_mode="bridge")
        url = {"JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/"}
        made = self.engine.create_container(
            self.image, COMMAND, name=f"{self.prefix}-{name}", ports=[8888], environment=url, host_config=host
        )
        self.engine.start(made["Id"])
        published = self.engine.inspect_container(made["Id"])["NetworkSettings"]["Ports"]["8888/tcp"]
        return int(published[0]["HostPort"])

    def config(self) -> str:
        """Write the configuration of the hub."""
        return f"""
c.JupyterHub.hub_ip = {self.gateway!r}
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0, "slow_stop_timeout": 0}}
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"chief"}}
c.DockerSpawner.image = {self.image!r}
c.DockerSpawner.cmd = {COMMAND!r}
c.DockerSpawner.prefix = {self.prefix!r}
c.DockerSpawner.remove = True
c.DockerSpawner.stop_timeout = 1
c.Spawner.start_timeout = 300
c.Spawner.http_timeout = 300
"""


def wait(holds: Callable[[], object], look: float = LOOK, seconds: float = 300) -> float:
    """Wait until something holds.

    Args:
        holds: what to ask.
        look: seconds between two questions.
        seconds: how long at most.

    Returns:
        The moment.
    """
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            sys.exit("it took too long")
        time.sleep(look)
    return time.monotonic()


def listens(port: int) -> bool:
    """Return whether a server answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def by_hub(call: ApiClient, names: Sequence[str]) -> list[float]:
    """Start servers through the hub, all at once, and stop them afterwards.

    Args:
        call: of an admin.
        names: of the users.

    Returns:
        Seconds from the beginning until each was ready.
    """
    begin = time.monotonic()
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda name: call("POST", f"/users/{name}/server", {}), names))
    since: dict[str, float] = {}
    look = LOOK if len(names) == 1 else LOOK_AT_ALL

    def all_ready() -> bool:
        for model in call("GET", "/users?limit=200&state=ready").body:
            since.setdefault(model["name"], time.monotonic() - begin)
        return since.keys() >= set(names)

    wait(all_ready, look)
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda name: call("DELETE", f"/users/{name}/server"), names))
    wait(lambda: not call("GET", "/users?limit=200&state=active").body, look)
    return [since[name] for name in names]


class BareTornado:
    """Otherwise idle server in a process of its own, which answers one short request."""

    def __init__(self) -> None:
        processes = multiprocessing.get_context("spawn")
        told = processes.SimpleQueue()
        self._process = processes.Process(target=answer, args=(told,))
        self._process.start()
        self.port: int = told.get()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


class Version(tornado.web.RequestHandler):
    """Handler with the same answer as the hub."""

    def get(self) -> None:
        """Answer with a version."""
        self.write({"version": "0"})


def answer(told: Any) -> None:
    """Serve until the process is ended.

    Args:
        told: takes the port.
    """

    async def serve() -> None:
        sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
        server = tornado.httpserver.HTTPServer(tornado.web.Application([("/hub/api/", Version)]))
        server.add_sockets(sockets)
        told.put(sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(serve())


class Answers:
    """Client in a process of its own that requests ``/hub/api/`` continuously and records response times."""

    def __init__(self, host: str, port: int) -> None:
        processes = multiprocessing.get_context("spawn")
        self._over, self._told = processes.Event(), processes.SimpleQueue()
        self._process = processes.Process(target=ask, args=(host, port, self._over, self._told))
        self.median = self.p99 = 0.0

    def __enter__(self) -> Self:
        self._process.start()
        self._told.get()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        seconds = self._told.get()
        self.median, self.p99 = statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
        self._process.join()


def ask(host: str, port: int, over: Any, told: Any) -> None:
    """Send requests until the end, and report the seconds that each answer took.

    Args:
        host: of the hub.
        port: of the hub's own listener.
        over: says when.
        told: takes None at the beginning and the seconds in the end.
    """
    connection = http.client.HTTPConnection(host, port, timeout=60)
    seconds = []
    told.put(None)
    while not over.wait(0.01):
        begin = time.monotonic()
        connection.request("GET", "/hub/api/")
        json.loads(connection.getresponse().read())
        seconds.append(time.monotonic() - begin)
    connection.close()
    told.put(seconds)


@contextmanager
def engine() -> Iterator[Bench]:
    """Prepare the image, and remove all containers in the end."""
    bench = Bench()
    try:
        yield bench
    finally:
        bench.remove_all()


def containers(bench: Bench) -> Sequence[Value]:
    """Measure the engine, then the hub; in the order of `measurements`."""
    people = [f"p{number}" for number in range(PEOPLE)]
    engine_alone = statistics.median(bench.bare([f"b{number}"])[0] for number in range(ALONE))
    with BareTornado() as bare:
        floor_idle, floor_busy, engine_crowd = answers_during(
            "127.0.0.1", bare.port, lambda: statistics.median(bench.bare(people))
        )
    with (
        tempfile.TemporaryDirectory() as folder,
        HubProcess(Path(folder), "--plugins", "docker,dummy", config=bench.config()) as hub,
    ):
        call = client_of(hub, "chief")
        call("POST", "/users", {"usernames": people})
        alone = statistics.median(by_hub(call, [people[0]])[0] for _ in range(ALONE))
        idle, busy, crowd = answers_during(
            bench.gateway, hub.hub_port, lambda: statistics.median(by_hub(call, people))
        )
    starts = (engine_alone, engine_crowd, alone, crowd, alone / engine_alone, crowd / engine_crowd)
    waits = [
        seconds * 1000
        for answers in (floor_idle, floor_busy, idle, busy)
        for seconds in (answers.median, answers.p99)
    ]
    return *starts, *waits


def measurements(_: Options) -> Sequence[Measurement]:
    """Return the measurement of containers."""
    counts = {"alone": "one alone", "crowd": f"{PEOPLE} at once"}
    makers = {
        "engine": ("the engine", "s"),
        "hub": ("hub and engine", "s"),
        "share": ("hub and engine / engine", ""),
    }
    starts = [
        Row(f"containers-{maker}-{count}", f"{title}, {told}: median until ready", unit)
        for maker, (title, unit) in makers.items()
        for count, told in counts.items()
    ]
    servers = {"tornado": "a bare tornado beside the engine", "hub": "the hub"}
    waits = [
        Row(f"containers-{server}-{when}-{part}", f"GET /hub/api/ of {title}, {told}: {part}", "ms")
        for server, title in servers.items()
        for when, told in {"rest": "at rest", "busy": counts["crowd"]}.items()
        for part in ("median", "p99")
    ]
    return [Measurement((*starts, *waits), containers)]


def subjects(_: Options) -> Mapping[str, AbstractContextManager[Bench]]:
    """Return the engine, which the hub uses too."""
    return {"plughub": engine()}


def answers_during(host: str, port: int, work: Callable[[], float]) -> tuple[Answers, Answers, float]:
    """Request a server for three seconds without load, and then during some work.

    Args:
        host: of the server.
        port: of the server.
        work: what is done.

    Returns:
        The answers at rest, those meanwhile, and what the work gave.
    """
    with Answers(host, port) as idle:
        time.sleep(3)
    with Answers(host, port) as busy:
        given = work()
    return idle, busy, given


PART = Part("containers", subjects, measurements, by_default=False)
