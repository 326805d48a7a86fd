"""Hubs to measure: plughub and JupyterHub, with the same settings, users and servers."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

from bench.load import Client, get
from bench.processes import cpu_ms, cpu_of
from bench.rows import Options
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess, is_open
from plughub.testing.ports import free_port

TOKEN = "bench-token-0123456789abcdef"
ADMIN = "admin"
USERS = 1000
"""Users of a hub besides the admin."""
AT_ONCE = 50
BATCH = 100
SERVER = [sys.executable, "-I", "-S", str(Path(__file__).with_name("small_server.py"))]
COMMON = f"""
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{{ADMIN!r}}}
c.Spawner.cmd = {SERVER!r}
c.JupyterHub.cleanup_servers = False
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 100, "slow_stop_timeout": 100}}
"""
JUPYTERHUB = f"""
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.services = [{{"name": "bench", "api_token": {TOKEN!r}, "admin": True}}]
"""
PLUGINS = "dummy,simple,haproxy"
FREE_SPAWNER = """
from {package}.spawner import Spawner

class FreeSpawner(Spawner):
    async def start(self):
        return "127.0.0.1", {server}

    async def poll(self):
        return None

    async def stop(self, now=False):
        pass

c.JupyterHub.spawner_class = FreeSpawner
c.JupyterHub.concurrent_spawn_limit = 100
"""
"""A spawner whose servers cost nothing: all are the one that listens at a port."""


class JupyterHub(HubProcess):
    """JupyterHub, started like plughub.

    Args:
        folder: working directory.
        command: its command.
        config: text of the config file.
    """

    def __init__(self, folder: Path, command: str, config: str) -> None:
        super().__init__(folder)
        ports = f"c.JupyterHub.port = {self.port}\nc.JupyterHub.hub_port = {self.hub_port}\n"
        ports += f"c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{free_port()}'\n"
        (folder / "jupyterhub_config.py").write_text(config + ports)
        self._jupyterhub = command

    def _command(self) -> list[str]:
        return [self._jupyterhub]

    @property
    def url(self) -> str:
        """Its address once it listens, with a slash at the end; empty before that."""
        return f"http://127.0.0.1:{self.port}/" if is_open(self.hub_port) and is_open(self.port) else ""


class Hub:
    """A running hub, called on its own port, without the proxy.

    Args:
        process: the started process.
        token: API token of an admin.
    """

    def __init__(self, process: HubProcess, token: str) -> None:
        self.process, self.token = process, token
        self.idle = 0.0
        self._numbers = count()
        self._pool = ThreadPoolExecutor(AT_ONCE)

    @property
    def port(self) -> int:
        """The hub's own port."""
        return self.process.hub_port

    @property
    def pids(self) -> list[int]:
        """The hub's own process, without its proxy and servers."""
        assert self.process.process is not None
        return [self.process.process.pid]

    @property
    def headers(self) -> dict[str, str]:
        """Headers of a call."""
        return {"Authorization": f"token {self.token}", "Content-Type": "application/json"}

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        connection: http.client.HTTPConnection | None = None,
    ) -> Any:
        """Call the API and return the JSON of its answer, None if there is none.

        Raises:
            AssertionError: the status is no success.
        """
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        own.request(method, f"/hub/api{path}", None if body is None else json.dumps(body), self.headers)
        answer = own.getresponse()
        text = answer.read()
        if connection is None:
            own.close()
        assert answer.status < HTTPStatus.MULTIPLE_CHOICES, (method, path, answer.status, text[:300])
        return json.loads(text) if text else None

    def get(self, path: str, times: int, in_flight: int) -> float:
        """Request a path and return the milliseconds of CPU that each request costs the hub's process."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        request = get(f"/hub/api{path}", lines)
        with Client(self.port, in_flight) as client:
            client.send(request, count=2 * in_flight)
            return self.cost(lambda: client.send(request, count=times)) / times

    def cost(self, work: Any) -> float:
        """Do some work and return its milliseconds of CPU, without what the idle hub uses meanwhile."""
        spent, seconds = cpu_of(self.pids, work)
        return spent - seconds * self.idle

    def new_names(self, number: int) -> list[str]:
        """Return names of users that do not exist."""
        return [f"new-{next(self._numbers)}" for _ in range(number)]

    def for_each(self, method: str, names: list[str]) -> None:
        """Start or stop the servers of users, many at once."""
        list(self._pool.map(lambda name: self.call(method, f"/users/{name}/server"), names))

    def begin(self, method: str, names: list[str], at_once: int) -> Callable[[], object]:
        """Begin to start or stop the servers of users; return a function that waits for the end."""
        pool = ThreadPoolExecutor(at_once)
        done = pool.map(lambda name: self.call(method, f"/users/{name}/server"), names)
        return lambda: list(done)

    def used(self) -> float:
        """Return the milliseconds of CPU used so far."""
        return cpu_ms(self.pids)

    def restart(self) -> None:
        """Start the hub again; servers keep running. Returns when its API answers."""
        self.process.stop()
        self.start()

    def start(self) -> None:
        """Start the hub and wait until its API answers."""
        self.process.start(120)
        wait_for(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.call("GET", f"/users/{ADMIN}"))
        except (OSError, http.client.HTTPException, AssertionError):
            return False


def user(number: int) -> str:
    """Return the name of one of the prepared users."""
    return f"user-{number:04}"


@contextmanager
def plughub(config: str = "", users: int = USERS, plugins: str = PLUGINS) -> Iterator[Hub]:
    """Run plughub with users."""
    with tempfile.TemporaryDirectory() as folder:
        process = HubProcess(Path(folder), "--plugins", plugins, config=_common(folder) + config)
        try:
            process.start()
            command = [process.python, "-m", "plughub", "token", ADMIN]
            token = subprocess.check_output(command, cwd=folder, env=process.env, text=True).strip()
            yield _prepared(Hub(process, token), users)
        finally:
            process.end_everything()


@contextmanager
def jupyterhub(command: str, users: int = USERS, config: str = "") -> Iterator[Hub]:
    """Run JupyterHub with users."""
    with tempfile.TemporaryDirectory() as folder:
        process = JupyterHub(Path(folder), command, _common(folder) + JUPYTERHUB + config)
        hub = Hub(process, TOKEN)
        try:
            process.start()
            wait_for(lambda: _is_ready(hub))
            yield _prepared(hub, users)
        finally:
            process.end_everything()


def subjects(options: Options) -> Mapping[str, AbstractContextManager[Hub]]:
    """Return the hubs that the options name."""
    theirs = {"JupyterHub": jupyterhub(options.jupyterhub)} if options.jupyterhub else {}
    return {"plughub": plughub(), **theirs}


def _common(folder: str) -> str:
    return f"{COMMON}c.SimpleLocalProcessSpawner.home_dir_template = '{folder}/homes/{{username}}'\n"


def _is_ready(hub: Hub) -> bool:
    try:
        return bool(hub.call("GET", "/info"))
    except (OSError, http.client.HTTPException, AssertionError):
        return False


def _prepared(hub: Hub, users: int) -> Hub:
    names = [user(number) for number in range(users)]
    for first in range(0, len(names), BATCH):
        hub.call("POST", "/users", {"usernames": names[first : first + BATCH]})
    return hub
