"""Many containers at once: what the hub adds to what the engine takes, and whether it still answers.

    .venv/bin/python bench/containers.py [--people 50] [--alone 5]

The engine's own time is measured apart: the same containers, made and started by as many threads as the hub
uses, until each answers. What is left of a start is the hub's. Compare the figures of one run; on a loaded
machine all of them grow.
"""

from __future__ import annotations

import argparse
import http.client
import ipaddress
import json
import multiprocessing
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import docker

from plughub.testing import probe_server
from plughub.testing.client import ApiClient, client_of
from plughub.testing.hub import HubProcess
from plughub_docker.testing.images import PYTHON, build, python_paths

THREADS = 4
"""As many as the hub makes containers with (DockerSpawner.concurrent_launches)."""
CALLERS = 16
COMMAND = [PYTHON, "/opt/probe_server.py"]
LOOK = 0.05


class Bench:
    """One engine, one image, and a prefix for everything that is made."""

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
        with ThreadPoolExecutor(THREADS) as makers, ThreadPoolExecutor(len(names)) as watchers:
            made = [makers.submit(self._make, name) for name in names]

            def until_it_answers(port: Future[int]) -> float:
                return wait(lambda: listens(port.result())) - begin

            seconds = list(watchers.map(until_it_answers, made))
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


def wait(holds: Callable[[], object], seconds: float = 300) -> float:
    """Wait until something holds.

    Args:
        holds: what to ask.
        seconds: how long at most.

    Returns:
        The moment.
    """
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            sys.exit("it took too long")
        time.sleep(LOOK)
    return time.monotonic()


def listens(port: int) -> bool:
    """Tell whether a server answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def by_hub(call: ApiClient, names: Sequence[str]) -> list[float]:
    """Ask the hub for servers, all at once, and stop them afterwards.

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

    def all_ready() -> bool:
        for model in call("GET", "/users?limit=200&state=ready").body:
            since.setdefault(model["name"], time.monotonic() - begin)
        return since.keys() >= set(names)

    wait(all_ready)
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda name: call("DELETE", f"/users/{name}/server"), names))
    wait(lambda: not call("GET", "/users?limit=200&state=active").body)
    return [since[name] for name in names]


class Answers:
    """Asks for ``/hub/api/`` all the time, in a process of its own, and notes how long each answer takes."""

    def __init__(self, host: str, port: int) -> None:
        processes = multiprocessing.get_context("spawn")
        self._over, self._told = processes.Event(), processes.SimpleQueue()
        self._process = processes.Process(target=ask, args=(host, port, self._over, self._told))
        self.p99 = 0.0

    def __enter__(self) -> Self:
        self._process.start()
        self._told.get()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.p99 = statistics.quantiles(self._told.get(), n=100)[98]
        self._process.join()


def ask(host: str, port: int, over: Any, told: Any) -> None:
    """Ask until it is over, and tell how many seconds each answer took.

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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--alone", type=int, default=5, help="how often one start alone is measured")
    options = parser.parse_args()
    bench, people = Bench(), [f"p{number}" for number in range(options.people)]
    try:
        report(bench, people, options.alone)
    finally:
        bench.remove_all()


def report(bench: Bench, people: list[str], times: int) -> None:
    """Measure the engine, then the hub, and print both."""
    engine_alone = statistics.median(bench.bare([f"b{number}"])[0] for number in range(times))
    engine_crowd = statistics.median(bench.bare(people))
    with (
        tempfile.TemporaryDirectory() as folder,
        HubProcess(Path(folder), "--plugins", "docker,dummy", config=bench.config()) as hub,
    ):
        call = client_of(hub, "chief")
        call("POST", "/users", {"usernames": people})
        alone = statistics.median(by_hub(call, [people[0]])[0] for _ in range(times))
        with Answers(bench.gateway, hub.hub_port) as idle:
            time.sleep(3)
        with Answers(bench.gateway, hub.hub_port) as busy:
            crowd = statistics.median(by_hub(call, people))
    print(f"{'median seconds until ready':36}{'one alone':>12}{f'{len(people)} at once':>12}")
    print(f"{'engine, without a hub':36}{engine_alone:12.2f}{engine_crowd:12.2f}")
    print(f"{'hub and engine':36}{alone:12.2f}{crowd:12.2f}")
    print(f"{'hub and engine / engine':36}{alone / engine_alone:12.2f}{crowd / engine_crowd:12.2f}")
    print(f"{'GET /hub/api/, p99 in ms':36}{idle.p99 * 1000:12.1f}{busy.p99 * 1000:12.1f}")


if __name__ == "__main__":
    main()
