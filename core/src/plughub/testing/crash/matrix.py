"""The matrix: everything that is done to a hub, killed at every step, on each database with each proxy.

``python -m plughub.testing.crash.matrix [--databases sqlite,postgresql] [--proxies haproxy,chp] [--every 1]``
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from websockets.sync.client import ClientConnection, connect

from plughub.storage.database import Database
from plughub.testing.client import client_of
from plughub.testing.crash.deeds import DEEDS, Deed, log_in
from plughub.testing.crash.points import RECORD, VARIABLE
from plughub.testing.crash.world import World
from plughub.testing.hub import HubProcess, free_port
from plughub.testing.postgresql import PostgresServer, postgresql_binaries

CONFIG: Final = """
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"ada"}}
c.JupyterHub.allow_named_servers = True
c.JupyterHub.db_url = {database!r}
c.Spawner.cmd = [{python!r}, "-m", "plughub.testing.socket_server"]
c.Spawner.poll_interval = 1
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
"""
CHP: Final = "c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{api_port}'\n"
PLUGIN: Final = "crashpoints"
DIES_WITHIN: Final = 10.0
NOT_REACHED: Final = "not reached"
TRIES: Final = 3
"""How often something is done until a step is reached that is not passed each time."""
ROOMS: Final = MappingProxyType({"Metadata-Version": "2.1", "Name": f"plughub-{PLUGIN}", "Version": "0"})


@dataclass(frozen=True, slots=True)
class Row:
    """One case.

    Attributes:
        deed: what was done.
        step: where the hub was killed.
        fault: what was wrong afterwards; empty when nothing was, `NOT_REACHED` for a step that is
            passed now and then only and was not passed this time.
    """

    deed: str
    step: str
    fault: str


class Run:
    """A hub that is killed again and again, while somebody else's connection stays open.

    Args:
        folder: where everything lies.
        database: URL.
        proxy: plugin of the proxy.
    """

    def __init__(self, folder: Path, database: str, proxy: str) -> None:
        self._order = folder / "order"
        config = CONFIG.format(database=database, python=sys.executable, folder=folder)
        if proxy == "chp":
            config += CHP.format(api_port=free_port())
        _offer_plugin(folder / "site")
        self.hub = HubProcess(
            folder,
            "--plugins",
            f"dummy,simple,{proxy},{PLUGIN}",
            config=config,
            env={VARIABLE: str(self._order), "PYTHONPATH": os.pathsep.join(_path(folder / "site"))},
        )
        self._database_url = database
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.hub.start()
        self.world = World(Database(self._database_url), self.hub.port)
        self.call = client_of(self.hub, "ada", past_the_proxy=True)
        self._cookies = log_in(self.hub, "ada")
        self.call("POST", "/users/ada/server", {})
        self.call("POST", "/users/bob", {})
        self._log_in_bob()
        self.call.until("/users/ada", lambda user: user["servers"].get("", {}).get("ready"))
        self._open_socket()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        self.world.database.close()
        self.hub.end_everything()

    def steps_of(self, deed: Deed) -> list[str]:
        """Do something and note the steps, in order, each once.

        Args:
            deed: what is done.

        Returns:
            The steps.
        """
        deed.prepare(self.call)
        self._order.write_text(RECORD)
        deed.do(self.hub, self.call)
        self.call.until("/users/bob", deed.done)
        self.world.settle()
        self._order.unlink()
        if deed.cuts_connections:
            self._open_socket()
        notes = self._order.with_name(self._order.name + ".steps")
        steps = list(dict.fromkeys(notes.read_text().splitlines()))
        notes.unlink()
        return steps

    def survive(self, deed: Deed, step: str) -> str:
        """Do something, kill the hub at a step, start the next one and look at the world.

        Args:
            deed: what is done.
            step: where the hub is killed.

        Returns:
            What is wrong; empty when nothing is.
        """
        try:
            if not any(self._dies(deed, step) for _ in range(TRIES)):
                return NOT_REACHED
            self.hub.start()
            self.world.settle()
            if not deed.cuts_connections:
                self._look_at_the_bystander()
        except AssertionError as error:
            return str(error) or "an assertion failed"
        finally:
            if not self.hub.is_running:
                self.hub.start()
            if deed.cuts_connections:
                self.world.settle()
                self._open_socket()
        return ""

    def _dies(self, deed: Deed, step: str) -> bool:
        deed.prepare(self.call)
        self._order.write_text(step)
        deed.do(self.hub, self.call)
        ends = time.monotonic() + DIES_WITHIN
        while self.hub.is_running and time.monotonic() < ends:
            time.sleep(0.02)
        self._order.unlink(missing_ok=True)
        return not self.hub.is_running

    def _look_at_the_bystander(self) -> None:
        self._socket.send("still there?")
        assert self._socket.recv(timeout=10) == "still there?", "an open websocket was closed"
        connection = http.client.HTTPConnection("127.0.0.1", self.hub.port, timeout=20)
        connection.request("GET", "/hub/home", headers={"Cookie": self._cookies})
        status = connection.getresponse().status
        connection.close()
        assert status == 200, f"somebody was logged out: {status}"

    def _open_socket(self) -> None:
        self._open.close()
        url = f"ws://127.0.0.1:{self.hub.port}/user/ada/socket"
        self._socket: ClientConnection = self._open.enter_context(connect(url))

    def _log_in_bob(self) -> None:
        log_in(self.hub, "bob")


def run_matrix(folder: Path, database: str, proxy: str, *, every: int = 1, offset: int = 0) -> Iterator[Row]:
    """Run all cases on one database with one proxy.

    Args:
        folder: where everything lies.
        database: URL.
        proxy: plugin of the proxy.
        every: take each of so many steps only.
        offset: the first one to take.

    Yields:
        A row for each case.
    """
    with Run(folder, database, proxy) as run:
        plan = [(name, step) for name, deed in DEEDS.items() for step in run.steps_of(deed)]
        for name, step in plan[offset::every]:
            yield Row(name, step, run.survive(DEEDS[name], step))


def _path(site: Path) -> list[str]:
    return [str(site), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]


def _offer_plugin(site: Path) -> None:
    """Make the plugin with the crash points known as if it were installed."""
    about = site / f"plughub_{PLUGIN}-0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    facts = "".join(f"{name}: {value}\n" for name, value in ROOMS.items())
    (about / "METADATA").write_text(facts)
    (about / "entry_points.txt").write_text(f"[plughub]\n{PLUGIN} = plughub.testing.crash.points\n")


@contextlib.contextmanager
def databases(names: Sequence[str], folder: Path) -> Iterator[Mapping[str, str]]:
    """Have empty databases.

    Args:
        names: ``sqlite`` and ``postgresql``.
        folder: for SQLite's file.

    Yields:
        URLs by name.
    """
    urls = {"sqlite": f"sqlite:///{folder}/hub.sqlite"}
    binaries = postgresql_binaries() if "postgresql" in names else None
    server = PostgresServer(binaries) if binaries else None
    if server:
        server.start()
        urls["postgresql"] = server.new_database()
    try:
        yield {name: urls[name] for name in names if name in urls}
    finally:
        if server:
            server.remove()


def main() -> int:
    """Run the matrix and print it as one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--proxies", default="haproxy,chp")
    parser.add_argument("--every", type=int, default=1, help="take each of so many steps only")
    options = parser.parse_args()
    faults = 0
    for proxy in options.proxies.split(","):
        for name in options.databases.split(","):
            with tempfile.TemporaryDirectory() as folder, databases([name], Path(folder)) as urls:
                for row in run_matrix(Path(folder), urls[name], proxy, every=options.every):
                    faults += row.fault not in {"", NOT_REACHED}
                    sys.stdout.write(f"{name:11} {proxy:8} {row.deed:12} {row.step:70} {row.fault or 'ok'}\n")
                    sys.stdout.flush()
    sys.stdout.write(f"{faults} faults\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
