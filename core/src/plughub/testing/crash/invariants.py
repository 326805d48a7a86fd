"""Invariants that hold after every crash: processes, rows and routes agree."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import psutil
from sqlalchemy import Connection, func, select

from plughub.domain.names import quote_path
from plughub.domain.scopes import ScopeCoverage
from plughub.domain.servers import ServerRecord, Status
from plughub.domain.urls import service_url
from plughub.storage import tables
from plughub.storage.database import Database
from plughub.storage.run_table import runs
from plughub.storage.store import Transaction
from plughub.testing.client import ApiClient
from plughub.testing.crash.services import LAUNCH, faults_of_services
from plughub.testing.crash.spawner_inspectors import SpawnerInspector, services_of
from plughub.testing.hub import HubProcess

PATIENCE: Final = 60.0
_PAUSE: Final = 0.1
_OF_SERVER: Final = "Server at "
PROXIES: Final = ("haproxy", "configurable-http-proxy")


@dataclass(frozen=True, slots=True)
class StoredState:
    """State read from the database.

    Attributes:
        servers: all servers.
        tokens: the number of tokens by note.
        clients: OAuth clients.
        services: targets of services with an address, by path.
        of_services: OAuth clients of services.
        wrong: faults of services and dangling references, in words.
        leaving: users whose deletion is pending.
    """

    servers: list[ServerRecord]
    tokens: Counter[str]
    clients: set[str]
    services: dict[str, str]
    of_services: set[str]
    wrong: list[str]
    leaving: list[int]

    def default_of(self, server: ServerRecord) -> str:
        """Return what answers on the path of a server that does not run.

        Args:
            server: the server.

        Returns:
            The default server of its user when that runs, else ``hub``.
        """
        running = {one.full_name for one in self.servers if one.status is Status.RUNNING}
        return f"{server.user}/" if f"{server.user}/" in running else "hub"


@dataclass(frozen=True, slots=True)
class Invariants:
    """Checks of one hub from outside.

    Attributes:
        hub: the hub.
        database: of the hub.
        inspector: finds what the spawner launched.
        call: client of the API with all permissions.
    """

    hub: HubProcess
    database: Database
    inspector: SpawnerInspector
    call: ApiClient

    @property
    def mark(self) -> str:
        """The mark of everything that the hub launches."""
        return str(self.database.run(lambda tx: Transaction(tx).settings.get("mark"), write=False))

    def settle(self, seconds: float = PATIENCE) -> None:
        """Wait until all invariants hold.

        Args:
            seconds: the deadline.

        Raises:
            AssertionError: an invariant does not hold at the deadline.
        """
        ends = time.monotonic() + seconds
        while wrong := list(self.faults()):
            if time.monotonic() > ends:
                raise AssertionError("; ".join(wrong))
            time.sleep(_PAUSE)

    def faults(self) -> Iterator[str]:
        """Find violated invariants.

        Yields:
            One sentence for each.
        """
        mark = self.mark
        launched = Counter(self.inspector.launches(mark))
        running = [(process.pid, environment) for process, environment in services_of(mark)]
        stored = self.database.run(lambda connection: _look(connection, running), write=False)
        yield from stored.wrong
        for user in stored.leaving:
            yield f"user {user} is still being deleted"
        for server in stored.servers:
            yield from self._faults_of(server, launched, stored)
        yield from _unowned(stored, launched)
        yield from self._faults_of_routes(stored)
        of_services = {environment[LAUNCH] for _, environment in running}
        yield from self._faults_of_processes({server.launch for server in stored.servers} | of_services)

    def _faults_of(self, server: ServerRecord, launched: Counter[str], stored: StoredState) -> Iterator[str]:
        name, runs = server.full_name, server.status is Status.RUNNING
        if server.operation is not None:
            yield f"{name} is still at {server.operation.kind} {server.operation.phase}"
            return
        if server.status not in {Status.RUNNING, Status.STOPPED}:
            yield f"{name} is {server.status} without an operation"
        if runs and launched[server.launch] != 1:
            yield f"{name} has {launched[server.launch]} processes"
        if (tokens := stored.tokens[f"{_OF_SERVER}{name}"]) != int(runs):
            yield f"{name} has {tokens} tokens"
        if runs and server.oauth_client_id not in stored.clients:
            yield f"{name} has no OAuth client"
        where = self._answers(server)
        # While a named server is stopped, its paths belong to the default server, if that runs.
        wanted = name if runs else stored.default_of(server)
        if where != wanted:
            yield f"the route of {name} leads to {where}, not to {wanted}"

    def _faults_of_routes(self, stored: StoredState) -> Iterator[str]:
        """Compare the routes of the proxy with the expected ones."""
        try:
            actual = self.call("GET", "/proxy").body
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
            yield f"the hub does not list its routes ({type(error).__name__})"
            return
        running = (server for server in stored.servers if server.status is Status.RUNNING)
        wanted = {_prefix(server): server.url for server in running} | stored.services
        for spec in actual.keys() - wanted.keys() - {"/"}:
            yield f"the route {spec} belongs to no server"
        for spec in {"/", *wanted} - actual.keys():
            yield f"there is no route {spec}"
        for spec in wanted.keys() & actual.keys():
            if actual[spec].get("target") != wanted[spec]:
                yield f"the route {spec} leads to {actual[spec].get('target')}, not to {wanted[spec]}"

    def _faults_of_processes(self, launches: Collection[str]) -> Iterator[str]:
        """Find processes that are neither the hub, nor its one proxy, nor a server."""
        family = {process.pid: process for process in self.hub.processes()}
        hub = self.hub.process.pid if self.hub.process else 0
        proxies = 0
        for process in family.values():
            with contextlib.suppress(psutil.Error):
                title = _title(process)
                if process.ppid() in family or process.pid == hub:
                    continue
                if title.startswith(PROXIES):
                    proxies += 1
                elif process.environ().get("PLUGHUB_OPERATION") not in launches:
                    yield f"process {process.pid} ({title}) belongs to no server"
        if proxies != 1:
            yield f"{proxies} proxies run"

    def _answers(self, server: ServerRecord) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.hub.port, timeout=5)
        try:
            connection.request("GET", f"{_prefix(server)}who")
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return f"nothing ({type(error).__name__})"
        finally:
            connection.close()
        return "hub" if answer.status in {302, 424} else body if answer.status == 200 else str(answer.status)


def _unowned(stored: StoredState, launched: Mapping[str, int]) -> Iterator[str]:
    """Name what belongs to no server."""
    running = [server for server in stored.servers if server.status is Status.RUNNING]
    for operation in launched.keys() - {server.launch for server in running}:
        yield f"a process of start {operation} belongs to no server"
    known = {server.oauth_client_id for server in stored.servers if server.oauth_client_id}
    for client in stored.clients - known - stored.of_services - {"jupyterhub"}:
        yield f"OAuth client {client} belongs to nothing"
    names = {f"{_OF_SERVER}{server.full_name}" for server in stored.servers}
    for note in stored.tokens.keys() - names:
        if note.startswith(_OF_SERVER):
            yield f"the token {note!r} belongs to no server"


def _look(connection: Connection, running: Collection[tuple[int, Mapping[str, str]]]) -> StoredState:
    tx = Transaction(connection)
    services = tx.services.within(ScopeCoverage(everything=True))
    keys = connection.execute(select(tables.spawners.c.id)).scalars().all()
    notes = connection.execute(select(tables.api_tokens.c.note)).scalars()
    clients = connection.execute(select(tables.oauth_clients.c.identifier)).scalars()
    pending_deletions = tables.metadata.tables.get("plughub_departures")
    leaving: list[int] = []
    if pending_deletions is not None:
        leaving = list(connection.execute(select(pending_deletions.c.user_id)).scalars())
    return StoredState(
        servers=[server for key in keys if (server := tx.servers.by_id(key)) is not None],
        tokens=Counter(note or "" for note in notes),
        clients=set(clients),
        services={service_url("/", service.name): service.target for service in services if service.url},
        of_services={service.oauth_client_id for service in services if service.oauth_client_id},
        wrong=[*_lost_rows(connection), *_wrong_runs(connection), *faults_of_services(tx, running)],
        leaving=leaving,
    )


def _lost_rows(connection: Connection) -> Iterator[str]:
    """Find dangling references, and tokens without an owner."""
    for table in tables.metadata.sorted_tables:
        for key in table.foreign_keys:
            parents = select(key.column).where(key.column == key.parent).exists()
            lost = select(func.count()).select_from(table).where(key.parent.is_not(None), ~parents)
            if count := connection.execute(lost).scalar_one():
                yield f"{count} rows of {table.name} point at a {key.column.table.name} that is gone"
    column = tables.api_tokens.c
    nobodys = select(func.count()).where(column.user_id.is_(None), column.service_id.is_(None))
    if count := connection.execute(nobodys).scalar_one():
        yield f"{count} tokens have no owner"


def _wrong_runs(connection: Connection) -> Iterator[str]:
    """Find servers without a run in usage accounting, and runs without a server."""
    life = tables.server_life.c
    running = set(
        connection.execute(select(life.spawner_id).where(life.status == Status.RUNNING.value)).scalars()
    )
    recorded = set(
        connection.execute(
            select(runs.c.spawner_id).where(runs.c.ended.is_(None), runs.c.started.is_not(None))
        ).scalars()
    )
    for key in running - recorded:
        yield f"server {key} runs, but its run is not recorded"
    for key in recorded - running:
        yield f"the run of server {key} has not ended, but the server has"


def _prefix(server: ServerRecord) -> str:
    path = "/".join(quote_path(part) for part in (server.user, server.name) if part)
    return f"/user/{path}/"


def _title(process: psutil.Process) -> str:
    words = process.cmdline()
    named = [word.rpartition("/")[2] for word in words[:2]]
    return next((name for name in named if name.startswith(PROXIES)), " ".join(words[:4]))
