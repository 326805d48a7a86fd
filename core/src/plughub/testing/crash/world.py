"""Looking at the world: what runs, what is stored, where the routes lead."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psutil
from sqlalchemy import Connection, select

from plughub.domain.names import quote_path
from plughub.domain.servers import ServerRecord, Status
from plughub.storage import tables
from plughub.storage.database import Database
from plughub.storage.store import Transaction

PATIENCE: Final = 30.0
_PAUSE: Final = 0.1


@dataclass(frozen=True, slots=True)
class World:
    """The world around one hub.

    Attributes:
        database: of the hub.
        port: public port.
        marks: marks of processes that belong to this hub.
    """

    database: Database
    port: int

    def settle(self, seconds: float = PATIENCE) -> None:
        """Wait until nothing is wrong.

        Args:
            seconds: how long.

        Raises:
            AssertionError: what is wrong still.
        """
        ends = time.monotonic() + seconds
        while wrong := list(self.faults()):
            if time.monotonic() > ends:
                raise AssertionError("; ".join(wrong))
            time.sleep(_PAUSE)

    def faults(self) -> Iterator[str]:
        """Say what is wrong.

        Yields:
            Sentences.
        """
        servers, mark, tokens, clients = self.database.run(_look, write=False)
        launched = Counter(_launches(mark))
        for server in servers:
            yield from self._faults_of(server, launched, tokens, clients)
        owned = {server.launch for server in servers if server.status is Status.RUNNING}
        for operation in launched.keys() - owned:
            yield f"a process of start {operation} belongs to no server"
        known = {server.oauth_client_id for server in servers if server.oauth_client_id}
        for client in clients - known - {"jupyterhub"}:
            yield f"OAuth client {client} belongs to nothing"

    def _faults_of(
        self, server: ServerRecord, launched: Counter[str], tokens: Counter[str], clients: set[str]
    ) -> Iterator[str]:
        name, runs = server.full_name, server.status is Status.RUNNING
        if server.operation is not None:
            yield f"{name} is still at {server.operation.kind} {server.operation.phase}"
            return
        if server.status not in {Status.RUNNING, Status.STOPPED}:
            yield f"{name} is {server.status} and nobody sees to it"
        if runs and launched[server.launch] != 1:
            yield f"{name} has {launched[server.launch]} processes"
        if tokens[f"Server at {name}"] != int(runs):
            yield f"{name} has {tokens[f'Server at {name}']} tokens"
        if runs and server.oauth_client_id not in clients:
            yield f"{name} has no OAuth client"
        where = self._answers(server)
        wanted = server.user if runs else "hub"
        if where != wanted:
            yield f"the route of {name} leads to {where}, not to {wanted}"

    def _answers(self, server: ServerRecord) -> str:
        path = "/".join(quote_path(part) for part in (server.user, server.name) if part)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", f"/user/{path}/who")
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return f"nothing ({type(error).__name__})"
        finally:
            connection.close()
        return "hub" if answer.status in {302, 424} else body if answer.status == 200 else str(answer.status)


def _look(connection: Connection) -> tuple[list[ServerRecord], str, Counter[str], set[str]]:
    tx = Transaction(connection)
    keys = connection.execute(select(tables.spawners.c.id)).scalars().all()
    servers = [server for key in keys if (server := tx.servers.by_id(key)) is not None]
    notes = connection.execute(select(tables.api_tokens.c.note)).scalars()
    clients = connection.execute(select(tables.oauth_clients.c.identifier)).scalars()
    return servers, tx.settings.get("mark"), Counter(notes), set(clients)


def _launches(mark: str) -> Iterator[str]:
    """Name the start of every process that carries the mark and leads its session."""
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            environment = process.environ()
            parent = process.parent()
            inherited = parent.environ().get("PLUGHUB_OPERATION") if parent and parent.pid != 1 else None
        except psutil.Error:
            continue
        operation = environment.get("PLUGHUB_OPERATION")
        if environment.get("PLUGHUB_MARK") == mark and operation and inherited != operation:
            yield operation
