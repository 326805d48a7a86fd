"""Starts by one and by two hub processes on one PostgreSQL, with servers that cost nothing."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.hubs import ADMIN, AT_ONCE, BATCH, FREE_SPAWNER, Hub, user
from bench.load import server
from bench.processes import cpu_ms
from bench.rows import Measurement, Options, Part, Row, Value
from plughub.testing.hub import HubProcess
from plughub.testing.postgresql import PostgresServer, postgresql_binaries

USERS = 400
WARM_UP = 50
CONFIG = """
c.JupyterHub.db_url = {database!r}
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 100, "slow_stop_timeout": 100}}
c.JupyterHub.cleanup_servers = False
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{{admin!r}}}
"""


@dataclass
class SeveralHubs:
    """Running hub processes on one database, with users.

    Attributes:
        hubs: the processes.
        database: the first process of PostgreSQL.
    """

    hubs: list[Hub]
    database: psutil.Process

    @property
    def database_pids(self) -> list[int]:
        """Processes of PostgreSQL, one for each connection."""
        return [self.database.pid, *(child.pid for child in self.database.children())]

    def for_each(self, method: str, names: list[str]) -> None:
        """Start or stop the servers of users, many at once; each hub gets its share of the requests."""
        count = len(self.hubs)
        with ExitStack() as waiting:
            for number, hub in enumerate(self.hubs):
                waiting.callback(hub.begin(method, names[number::count], AT_ONCE // count))


@contextmanager
def running(count: int) -> Iterator[SeveralHubs]:
    """Run hub processes that share a proxy and a database.

    Args:
        count: of processes.

    Raises:
        SystemExit: PostgreSQL is not installed.
    """
    binaries = postgresql_binaries()
    if binaries is None:
        sys.exit("the part hubs needs PostgreSQL's server")
    with tempfile.TemporaryDirectory() as folder, server() as port, ExitStack() as ends:
        database = PostgresServer(binaries)
        ends.callback(database.remove)
        database.start()
        config = FREE_SPAWNER.format(package="plughub", server=port)
        config += CONFIG.format(database=database.new_database(), admin=ADMIN)
        plugins = ("--plugins", "dummy,haproxy")
        processes = [HubProcess(Path(folder), *plugins, config=config)]
        own_port = f"--JupyterHub.port={processes[0].port}"
        processes += [HubProcess(Path(folder), *plugins, own_port, name=f"hub-{n}") for n in range(1, count)]
        for process in processes:
            ends.callback(process.end_everything)
            process.start(120)
        command = [sys.executable, "-m", "plughub", "token", ADMIN]
        token = subprocess.check_output(command, cwd=folder, env=processes[0].env, text=True).strip()
        hubs = [Hub(process, token) for process in processes]
        for first in range(0, USERS, BATCH):
            names = [user(number) for number in range(first, first + BATCH)]
            hubs[0].call("POST", "/users", {"usernames": names})
        yield SeveralHubs(hubs, psutil.Process(_first_pid(database)))


def starts(subject: SeveralHubs) -> Sequence[Value]:
    """Start servers, 50 at once, stop them, and return the rate and costs of the starts."""
    names = [user(number) for number in range(USERS)]
    subject.for_each("POST", names[:WARM_UP])
    own, measured = [pid for hub in subject.hubs for pid in hub.pids], names[WARM_UP:]
    theirs = subject.database_pids
    before, begin = (cpu_ms(own), cpu_ms(theirs)), time.monotonic()
    subject.for_each("POST", measured)
    seconds = time.monotonic() - begin
    spent = cpu_ms(own) - before[0], cpu_ms(theirs) - before[1]
    subject.for_each("DELETE", names)
    return len(measured) / seconds, *(each / len(measured) for each in spent)


def measurements(_: Options) -> Sequence[Measurement]:
    """Return the measurements of several hubs."""
    title = f"{USERS - WARM_UP} starts, {AT_ONCE} at once"
    rows = (
        Row("hubs-starts", title, "per second", more_is_better=True),
        Row("hubs-cpu", f"{title}: hubs", "ms of CPU each"),
        Row("hubs-database", f"{title}: PostgreSQL", "ms of CPU each"),
    )
    return [Measurement(rows, starts)]


def subjects(_: Options) -> Mapping[str, AbstractContextManager[SeveralHubs]]:
    """Return two hubs and one."""
    return {"two hubs": running(2), "one hub": running(1)}


PART = Part("hubs", subjects, measurements, by_default=False)


def _first_pid(database: PostgresServer) -> int:
    return int((database.folder / "data" / "postmaster.pid").read_text().split()[0])
