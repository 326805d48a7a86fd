"""An unavailable database: pages and API report it, servers keep running, and the hub recovers by itself."""

import contextlib
import http.client
import json
import resource
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, text

from plughub.testing.client import Reply, client_of
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess

pytestmark = pytest.mark.timeout(180)
CONFIG = """
c.Authenticator.allow_all = True
c.JupyterHub.db_url = {database!r}
c.JupyterHub.lease_seconds = 2
c.Spawner.cmd = [{python!r}, "-m", "plughub.testing.tiny_server"]
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
"""


class ObservedHub:
    """A hub with a running server, seen by clients."""

    def __init__(self, hub: HubProcess, database: str) -> None:
        self.hub, self.database = hub, database
        self.call = client_of(hub, "bob")
        self.other = client_of(hub, "cyd")
        assert self.call("POST", "/users/bob/server", {}).status in {201, 202}
        self.call.until("/users/bob", lambda user: user["servers"].get("", {}).get("ready"))
        self.cookies = self.log_in("bob")

    def log_in(self, name: str) -> dict[str, str]:
        """Log in with the form, as browsers do."""
        client = FormClient(self.hub.url)
        client.log_in(name)
        return {"Cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies)}

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.hub.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()

    def until_health(self, status: int) -> dict:
        ends = time.monotonic() + 30
        while True:
            got, headers, body = self.get("/hub/health")
            if got == status:
                assert status == 200 or int(headers["retry-after"]) > 0
                return json.loads(body)
            assert time.monotonic() < ends, (got, body)

    def check_refused(self, *words: str) -> None:
        """Check that a start is refused with the reason, and that the running server is reachable."""
        refused = self.other("POST", "/users/cyd/server", {})
        assert refused.status == 503, refused
        assert any(word in refused.body["message"] for word in words), refused
        self.check_running()

    def check_running(self) -> None:
        assert self.get("/user/bob/")[0] == 200
        assert len(self.servers()) == 1

    def check_page(self) -> None:
        """Check that a page shows the problem, also to a logged-in user."""
        token = {"Authorization": f"token {self.call._token}"}
        asked = (("/hub/api/user", token, "application/json"), ("/hub/home", self.cookies, "text/html"))
        for path, known_by, kind in asked:
            status, headers, body = self.get(path, **known_by)
            assert (status, int(headers["retry-after"]) > 0) == (503, True), body
            assert headers["content-type"].startswith(kind)
            assert "127.0.0.1" not in body

    def check_healed(self) -> None:
        """Check that the hub works again, nothing is half-done, and what was refused can be requested
        again.
        """
        self.until_health(200)
        self.check_running()
        assert self.patiently("GET", "/users/cyd").body["servers"] == {}
        assert self.patiently("POST", "/users/cyd/server", {}).status in {201, 202}
        self.other.until("/users/cyd", lambda user: user["servers"].get("", {}).get("ready"))
        assert self.get("/user/cyd/")[0] == 200
        assert len(self.servers()) == 2
        assert self.patiently("DELETE", "/users/cyd/server").status in {202, 204}
        self.other.until("/users/cyd", lambda user: not user["servers"])
        assert self.hub.is_running
        before, broken, _ = self.hub.stderr.partition("Traceback")
        assert not broken, before[-1000:]

    def patiently(self, *request: object) -> Reply:
        """Retry while the hub is unavailable, as its answer suggests."""
        ends = time.monotonic() + 60
        while (answer := self.other(*request)).status == 503:  # type: ignore[arg-type]
            assert time.monotonic() < ends, answer
        return answer

    def servers(self) -> list[psutil.Process]:
        return [p for p in self.hub.processes() if "tiny_server" in " ".join(p.cmdline())]


def see(folder: Path, database: str) -> Iterator[ObservedHub]:
    config = CONFIG.format(database=database, python=sys.executable, folder=folder)
    hub = HubProcess(folder, "--plugins", "dummy,simple", config=config)
    try:
        yield ObservedHub(hub.start(), database)
    finally:
        hub.end_everything()


@pytest.fixture(scope="module")
def on_postgresql(postgresql, tmp_path_factory) -> Iterator[ObservedHub]:
    """One hub for all tests on PostgreSQL; each test leaves it working."""
    yield from see(tmp_path_factory.mktemp("hub"), postgresql.new_database())


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory) -> Iterator[ObservedHub]:
    """One hub for all tests on SQLite; each test leaves it working."""
    folder = tmp_path_factory.mktemp("hub")
    yield from see(folder, f"sqlite:///{folder}/hub.sqlite")


@pytest.mark.postgresql
def test_postgresql_is_stopped_and_started_again(on_postgresql, postgresql):
    seen = on_postgresql
    postgresql.stop()
    try:
        said = seen.until_health(503)
        assert said["message"] == "the database does not answer"
        seen.check_refused("does not answer")
        seen.check_page()
    finally:
        postgresql.start()
    seen.check_healed()


@pytest.mark.postgresql
def test_all_connections_to_postgresql_are_closed(on_postgresql, postgresql):
    cut_connections(postgresql.url, on_postgresql.database)
    on_postgresql.check_healed()


@pytest.mark.postgresql
def test_postgresql_is_read_only_for_a_while(on_postgresql, postgresql):
    seen = on_postgresql
    url = seen.database
    switch_writes(postgresql.url, url, read_only=True)
    said = seen.until_health(503)
    assert said["message"] == "the database is read-only"
    seen.check_refused("read-only")
    assert seen.call("GET", "/users/bob").status == 200
    switch_writes(postgresql.url, url, read_only=False)
    seen.check_healed()


def switch_writes(server: str, url: str, *, read_only: bool) -> None:
    """Act like a server that becomes a standby or is promoted: becoming a standby closes its connections."""
    name, value = url.rpartition("/")[2], "on" if read_only else "off"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}"))
    engine.dispose()
    if read_only:
        cut_connections(server, url)


def cut_connections(server: str, url: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        cut = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        connection.execute(cut, {"name": url.rpartition("/")[2]})
    engine.dispose()


def test_a_sqlite_file_is_locked_by_another_process(on_sqlite):
    seen = on_sqlite
    with contextlib.closing(sqlite3.connect(seen.hub.folder / "hub.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        said = seen.until_health(503)
        assert said["message"] in {
            "the database is locked by another process",
            "the database does not answer",
        }
        seen.check_refused("locked", "does not answer")
        assert seen.call("GET", "/users/bob").status == 200
        other.execute("ROLLBACK")
    seen.check_healed()


def test_the_disk_of_a_sqlite_file_is_full(on_sqlite):
    seen = on_sqlite
    process = psutil.Process(seen.hub.process.pid)
    unlimited = process.rlimit(resource.RLIMIT_FSIZE)
    longest = (seen.hub.folder / "hub.sqlite-wal").stat().st_size
    process.rlimit(resource.RLIMIT_FSIZE, (longest, unlimited[1]))
    said = seen.until_health(503)
    assert said["message"] == "the database cannot be read or written: its disk is full or failing"
    seen.check_refused("full")
    assert seen.call("GET", "/users/bob").status == 200
    process.rlimit(resource.RLIMIT_FSIZE, unlimited)
    seen.check_healed()
