"""Several hub processes on one PostgreSQL behind one HAProxy: stopped, without database, on two machines."""

import asyncio
import contextlib
import http.client
import json
import re
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from plughub.testing.client import ApiClient, client_of
from plughub.testing.conditions import until, wait_for
from plughub.testing.crash.points import PLUGIN, SLEEP, armed_by
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port, network_address

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(180)]
LEASE = 3
LOST = "another hub process has taken over the start of "
LAUNCH = "Starting bob/ on port"
CONFIG = """
c.Authenticator.allow_all = True
c.JupyterHub.db_url = {database!r}
c.JupyterHub.lease_seconds = {lease}
c.JupyterHub.extra_user_scopes = {{"read:hub"}}
c.JupyterHub.tornado_settings = {{"slow_stop_timeout": 0.5}}
c.Spawner.cmd = {command!r}
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
"""
WAITS = 'while [ -e "{folder}/wait" ]; do sleep 0.05; done; exec "{python}" -m plughub.testing.tiny_server'


class Forwarder:
    """Forwards the connections between a hub and its database, and can close them."""

    def __init__(self, port: int) -> None:
        self.port, self._target = free_port(), port
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.open()

    def open(self) -> None:
        serve = asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self._server = asyncio.run_coroutine_threadsafe(serve, self._loop).result(10)

    def cut(self) -> None:
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    def close(self) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cut(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

        async def is_cut() -> bool:
            return not self._writers

        await until(is_cut)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, back}
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
        self._writers -= {writer, back}

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()


class Hubs:
    """Hub processes, the first of which is connected to the database through a forwarder."""

    def __init__(self, folder: Path, database: str, count: int) -> None:
        self.folder = folder
        self.forwarder = Forwarder(int(database.rpartition(":")[2].partition("/")[0]))
        command = ["sh", "-c", WAITS.format(folder=folder, python=sys.executable)]
        config = CONFIG.format(database=database, lease=LEASE, command=command, folder=folder)
        head, _, name = database.rpartition("/")
        through = f"{head.rpartition(':')[0]}:{self.forwarder.port}/{name}"
        self.order = folder / "order"
        first = hub_in(folder, 0, f"--JupyterHub.db_url={through}", config=config, more=f",{PLUGIN}")
        first.env |= armed_by(self.order, folder / "site")
        self.all = [first, *(hub_in(folder, n, f"--JupyterHub.port={first.port}") for n in range(1, count))]

    def own(self, number: int) -> ApiClient:
        """Return a client of one process, with the token of bob."""
        return self.call.at(self.all[number])

    def start(self) -> None:
        for hub in self.all:
            hub.start()
        self.call = client_of(self.all[1], "bob")

    def begin_start(self, number: int) -> None:
        """Request a server from one process; it is launched and does not answer yet."""
        (self.folder / "wait").touch()

        def ask() -> None:
            with contextlib.suppress(OSError):
                self.own(number)("POST", "/users/bob/server", {})

        threading.Thread(target=ask, daemon=True).start()
        wait_for(lambda: self.servers())

    def let_it_answer(self) -> None:
        (self.folder / "wait").unlink()

    def servers(self) -> list[psutil.Process]:
        """Return the processes of servers; each is a shell first and a server then."""
        words = ("tiny_server", str(self.folder / "wait"))
        running = self.all[0].processes()
        return [p for p in running if any(word in argument for argument in cmdline(p) for word in words)]

    def health(self, number: int) -> dict:
        return self.own(number)("GET", "/health").body

    def end(self) -> None:
        for hub in self.all:
            if hub.process:
                with contextlib.suppress(psutil.Error):
                    psutil.Process(hub.process.pid).resume()
        for hub in self.all:
            hub.end_everything()
        self.forwarder.close()


def hub_in(folder: Path, number: int, *arguments: str, config: str = "", more: str = "") -> HubProcess:
    plugins = ("--plugins", f"dummy,simple{more}")
    return HubProcess(folder, *plugins, *arguments, config=config, name=f"hub-{number}")


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def health(port: int) -> tuple[int, dict]:
    status, body = get(port, "/hub/health")
    return status, json.loads(body)


def get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()


def ready(user: dict) -> bool:
    return bool(user["servers"].get("", {}).get("ready"))


@pytest.fixture(scope="module")
def hubs(postgresql, tmp_path_factory) -> Iterator[Hubs]:
    hubs = Hubs(tmp_path_factory.mktemp("hubs"), postgresql.new_database(), 3)
    try:
        hubs.start()
        yield hubs
    finally:
        hubs.end()


@pytest.fixture
def stopped_again(hubs) -> Iterator[None]:
    yield
    hubs.own(1)("DELETE", "/users/bob/server")
    wait_for(lambda: not hubs.servers())
    wait_for(lambda: all(hub["alive"] for hub in hubs.health(1)["hubs"]) and len(hubs.health(1)["hubs"]) == 3)


def test_the_health_page_shows_live_processes_and_lease_holders(hubs):
    for number in range(3):
        works = wait_for(lambda number=number: all_leads(hubs.health(number)))
        assert len(works) == len(set(works)), "two do the same"
        alive = {hub["pid"] for hub in hubs.health(number)["hubs"] if hub["alive"]}
        assert alive == {hub.process.pid for hub in hubs.all}


def all_leads(facts: dict) -> list[str]:
    """Return the leases that live processes hold; empty until all are held."""
    works = [work for hub in facts["hubs"] if hub["alive"] for work in hub["leads"]]
    kinds = {re.split("[^a-z]", work)[0] for work in works}
    return works if {"routes", "poll", "housekeeping"} <= kinds else []


@pytest.mark.usefixtures("stopped_again")
def test_a_resumed_hub_has_lost_its_operations_and_changes_nothing(hubs):
    made = hubs.own(1)("POST", "/users/bob/tokens", {"note": "short"}).body
    doomed = {"Authorization": f"token {made['token']}"}
    assert get(hubs.all[0].hub_port, "/hub/api/user", doomed)[0] == 200
    hubs.begin_start(0)
    asleep = psutil.Process(hubs.all[0].process.pid)
    hubs.own(1).until("/users/bob", lambda user: user["pending"])
    asleep.suspend()
    hubs.let_it_answer()
    hubs.own(1).until("/users/bob", ready, seconds=LEASE + 10)
    assert get(hubs.all[0].port, "/user/bob/")[0] == 200
    assert hubs.own(1)("DELETE", f"/users/bob/tokens/{made['id']}").status == 204
    answers: list[int] = []
    asking = threading.Thread(
        target=lambda: answers.append(get(hubs.all[0].hub_port, "/hub/api/user", doomed)[0])
    )
    asking.start()  # it waits for the listener and is answered first
    before = wait_for(lambda: hubs.servers())
    asleep.resume()
    asking.join(30)
    assert answers == [403]
    wait_for(lambda: LOST in hubs.all[0].stderr)
    assert hubs.servers() == before
    assert len(before) == 1
    assert ready(hubs.own(0)("GET", "/users/bob").body)
    assert get(hubs.all[0].port, "/user/bob/")[0] == 200


@pytest.mark.usefixtures("stopped_again")
def test_a_hub_suspended_before_a_launch_launches_nothing_when_it_resumes(hubs):
    lost, launched = hubs.all[0].stderr.count(LOST), hubs.all[0].stderr.count(LAUNCH)
    hubs.order.write_text(f"{SLEEP}commit ServerService._start.work")
    asking = threading.Thread(target=lambda: hubs.own(0)("POST", "/users/bob/server", {}))
    asking.start()
    asleep = psutil.Process(hubs.all[0].process.pid)
    wait_for(lambda: asleep.status() == psutil.STATUS_STOPPED)
    hubs.own(1).until("/users/bob", ready)
    before = hubs.servers()
    asleep.resume()
    wait_for(lambda: hubs.all[0].stderr.count(LOST) > lost)
    asking.join(60)
    assert hubs.all[0].stderr.count(LAUNCH) == launched
    assert hubs.servers() == before
    assert len(before) == 1
    assert get(hubs.all[0].port, "/user/bob/")[0] == 200


@pytest.mark.usefixtures("stopped_again")
def test_a_hub_without_database_trusts_no_cache_and_another_finishes_its_start(hubs):
    assert hubs.own(0)("GET", "/user").status == 200
    hubs.begin_start(0)
    hubs.own(1).until("/users/bob", lambda user: user["pending"])
    hubs.forwarder.cut()
    hubs.let_it_answer()
    wait_for(lambda: hubs.own(0)("GET", "/user").status == 503, seconds=10)
    status, answer = health(hubs.all[0].hub_port)
    assert (status, answer["message"]) == (503, "the database does not answer")
    hubs.own(1).until("/users/bob", ready, seconds=LEASE + 10)
    assert len(hubs.servers()) == 1
    assert hubs.own(0)("GET", "/user").status == 503
    hubs.forwarder.open()
    wait_for(lambda: hubs.own(0)("GET", "/user").status == 200)
    assert ready(hubs.own(0)("GET", "/users/bob").body)
    assert len(hubs.servers()) == 1


@pytest.fixture
def machines(postgresql, tmp_path) -> Iterator[tuple[HubProcess, HubProcess]]:
    """Hubs on two machines, ``here`` and ``there``; servers of ``there`` listen where both reach them."""
    database = postgresql.new_database()
    command = [sys.executable, "-m", "plughub.testing.tiny_server"]
    config = CONFIG.format(database=database, lease=1, command=command, folder=tmp_path)
    config += 'c.Authenticator.admin_users = {"bob"}'
    here = hub_in(tmp_path, 0, "--JupyterHub.host_name=here", config=config)
    networked = (f"--Spawner.ip={network_address()}", "--JupyterHub.runtime_dir=.there")
    there = hub_in(tmp_path, 1, "--JupyterHub.host_name=there", *networked)
    try:
        yield here, there
    finally:
        here.end_everything()
        there.end_everything()


def test_a_server_bound_to_a_machine_is_managed_and_routed_by_its_hubs_only(machines):
    here, there = machines
    forget = "/users/amy/server", {"forget": True}
    here.start()
    call = client_of(here, "bob", past_the_proxy=True)
    for name in ("bob", "amy"):
        call("POST", f"/users/{name}", {})
        call("POST", f"/users/{name}/server", {})
        call.until(f"/users/{name}", ready)
    there.start()
    elsewhere = ApiClient(f"{there.hub_url}/", call._token)
    both = {"routes@here", "routes@there"}
    wait_for(lambda: both <= set(elsewhere("GET", "/health").body["leases"]))
    wait_for(lambda: "no route to bob/ from the proxy on machine there" in there.stderr)
    assert get(here.port, "/user/bob/")[0] == 200
    # Anything may listen at that port of its own machine.
    assert "/user/bob/" not in elsewhere("GET", "/proxy").body
    asked = urllib.request.Request(f"{there.url}user/bob/", headers={"Authorization": f"token {call._token}"})
    with pytest.raises(urllib.error.HTTPError, match="503") as refused:
        urllib.request.urlopen(asked, timeout=30)
    assert "cannot be reached at the moment" in refused.value.read().decode()
    here.kill()
    elsewhere("DELETE", "/users/bob/server")
    wait_for(lambda: elsewhere("DELETE", *forget).status == 204)
    wait_for(lambda: "@here" not in str(elsewhere("GET", "/health").body["leases"]))
    assert tiny_servers(here)
    # Without a hub on the other machine, this one starts it at an address that both reach.
    elsewhere("POST", "/users/amy/server", {})
    elsewhere.until("/users/amy", ready)
    here.start()
    for hub in (here, there):
        wait_for(lambda hub=hub: get(hub.port, "/user/amy/")[0] == 200)
    elsewhere.until("/users/bob", lambda user: not user["servers"])
    # A forgotten server is found as an orphan.
    wait_for(lambda: len(tiny_servers(here)) == 1)
    assert here.stop(signal.SIGTERM) == there.stop(signal.SIGTERM) == 0


def tiny_servers(hub: HubProcess) -> list[psutil.Process]:
    return [p for p in hub.processes() if "tiny_server" in " ".join(cmdline(p))]
