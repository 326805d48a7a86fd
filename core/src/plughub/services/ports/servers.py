"""What the services ask of the storage about servers, what is being done to them, and who does it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

from plughub.domain.routes import Place
from plughub.domain.servers import Failure, Operation, OperationKind, Phase, ServerRecord


class Servers(Protocol):
    """Servers: what is wanted, and what is."""

    def get(self, user: str, name: str) -> ServerRecord | None:
        """Find a server."""

    def by_id(self, server_id: int) -> ServerRecord | None:
        """Find a server by key."""

    def of_user(self, user_id: int) -> list[ServerRecord]:
        """List the servers of a user, the default one first."""

    def of_users(self, user_ids: Collection[int], *, stopped: bool) -> list[ServerRecord]:
        """List the servers of users, the default one of each first; stopped ones only when asked for."""

    def names(self) -> list[tuple[int, str]]:
        """List key and name of all named servers."""

    def active(self) -> list[ServerRecord]:
        """List the servers that run or to which something is being done."""

    def places(self) -> list[Place]:
        """List where the active servers are, as far as their routes depend on it."""

    def count_active(self) -> int:
        """Count the servers that run or to which something is being done."""

    def by_ids(self, server_ids: Sequence[int]) -> list[ServerRecord]:
        """List servers by key, in any order."""

    def running(self, backends: Collection[str], hosts: Collection[str]) -> list[tuple[int, str]]:
        """List key and launch of the servers of some plugins and machines that run undisturbed."""

    def running_on(self) -> frozenset[tuple[str, str]]:
        """Tell plugin and machine of all servers that run."""

    def create(self, user_id: int, name: str, display_name: str = "") -> ServerRecord:
        """Store a new server."""

    def delete(self, server_id: int) -> None:
        """Forget a server."""

    def rename(self, server_id: int, name: str) -> None:
        """Give a server another name."""

    def set_display_name(self, server_id: int, display_name: str) -> None:
        """Store what pages call the server; empty for its name."""

    def set_options(self, server_id: int, options: Mapping[str, Any]) -> None:
        """Store what the user chose."""

    def unwanted(self, server_id: int) -> None:
        """Store that the server is to stop."""

    def starting(self, server: ServerRecord) -> bool:
        """Store that the server is wanted; False when it is not as it was seen any more."""

    def launching(self, server_id: int, *, backend: str, host: str, launch: str, client_id: str) -> None:
        """Store that a start is about to touch the world."""

    def forget_state(self, server_id: int) -> None:
        """Delete what the backend saved of a server."""

    def launched(self, server_id: int, *, url: str, prefix: str, state: Mapping[str, Any]) -> None:
        """Store where the server will answer and what its backend saved."""

    def ready(self, server_id: int, at: datetime) -> None:
        """Store that the server runs."""

    def holds_still(self, server: ServerRecord) -> bool:
        """Keep a stopped server from being started while the transaction lasts; False when it is too late."""

    def stopping(self, server: ServerRecord) -> bool:
        """Store that the server is being stopped; False when it is not as it was seen any more."""

    def stopped(
        self, server_id: int, failure: Failure | None, state: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        """Store that the server is gone, why if it should not be so, and what its next start goes on with."""

    def failed(self, server_id: int, failure: Failure) -> None:
        """Store why a start failed, before what is left of it is gone."""

    def still_running(self, server_id: int, failure: Failure) -> None:
        """Store that a stop failed."""

    def set_unknown(self, server: ServerRecord, reason: str) -> None:
        """Store why the state of what runs is not known, empty when it is; another start is left alone."""

    def set_unreachable(self, server: ServerRecord, reason: str) -> bool:
        """Store why a running server has no route, empty when it has one; False when it was started since."""

    def moved(
        self, server: ServerRecord, *, url: str, state: Mapping[str, Any] | None, unreachable: str
    ) -> bool:
        """Store the new address of a running server, empty for none; False when it was started since."""

    def set_unknown_of(self, backend: str, host: str, reason: str) -> int:
        """Store why the state of all that run on a plugin and a machine is not known; answers how many."""

    def touch(self, activity: Mapping[int, datetime]) -> None:
        """Move the last activity of servers, and of their users, forward."""


class Operations(Protocol):
    """What is being done to servers, and who does it."""

    def begin(
        self,
        server: ServerRecord,
        kind: OperationKind,
        *,
        backend: str,
        host: str = "",
        requested_by: str = "",
        now: bool = False,
        remove: bool = False,
        failure: Failure | None = None,
        options_before: Mapping[str, Any] | None = None,
    ) -> Operation:
        """Write an operation down. A server has one at a time: a second raises ConflictError."""

    def get(self, operation_id: str) -> Operation | None:
        """Find an operation, finished ones too."""

    def admit(self, limit: int) -> int:
        """Let queued starts begin, fairly, as long as fewer than the limit (0: any number) go on."""

    def claim(
        self,
        holder: str,
        *,
        host: str,
        backends: Collection[str],
        lease: float,
        limit: int,
        besides: Collection[str] = (),
    ) -> list[Operation]:
        """Take operations that nobody holds, for a lease in seconds, besides some ids."""

    def renew(self, holder: str, lease: float, operation_ids: Collection[str]) -> dict[str, bool]:
        """Renew the leases that nobody else took; answers the ids, and whether each was cancelled."""

    def anything_free(self) -> bool:
        """Tell whether something waits in the queue or is held by nobody."""

    def withdraw(self, operation_id: str) -> bool:
        """End a start that still waits in the queue; False when it does not wait any more."""

    def release(self, holder: str) -> None:
        """Give up every lease."""

    def advance(
        self,
        operation_id: str,
        holder: str,
        phase: Phase,
        *,
        failure: Failure | None = None,
        progress: Sequence[Mapping[str, Any]] | None = None,
    ) -> bool:
        """Write down the next phase; False when the lease was lost, and nothing is written."""

    def put_off(self, operation_id: str, holder: str, trouble: str, seconds: float) -> bool:
        """Let go of an operation for some seconds, and say why; False when the lease was lost."""

    def hurry(self, operation_id: str) -> bool:
        """Have an operation that was put off taken up at once; False when somebody has it, or it is done."""

    def hurry_all(self, backends: Collection[str], host: str) -> None:
        """Have all that was put off taken up at once, as far as it can be done with these plugins here."""

    def seize(self, operation_id: str, holder: str, lease: float) -> bool:
        """Take one operation that nobody holds, whatever it waits for; False when somebody holds it."""

    def work(self) -> frozenset[tuple[str, str]]:
        """Tell plugin and machine of everything that is not done."""

    def free_of(self, backend: str, host: str) -> list[Operation]:
        """List what a plugin has to do on a machine and nobody holds, waiting starts too."""

    def bind(self, operation_id: str, holder: str, host: str) -> bool:
        """Bind an operation to a machine; False when the lease was lost."""

    def holds(self, operation_id: str, holder: str) -> bool:
        """Tell whether a process holds an operation."""

    def cancel(self, operation_id: str) -> bool:
        """Ask a start to end; False when it is done already."""

    def remove_at_end(self, operation_id: str) -> bool:
        """Have the server forgotten when an operation ends; False when it is done already."""

    def is_cancelled(self, operation_id: str) -> bool:
        """Tell whether a stop was asked for while it started."""

    def report(self, operation_id: str, holder: str, progress: Sequence[Mapping[str, Any]]) -> bool:
        """Store what was reported; False when the lease was lost."""

    def purge(self, older_than: float) -> int:
        """Forget operations that ended before a time, in seconds since the epoch."""


class Leases(Protocol):
    """Who leads what, among several hub processes."""

    def hold(self, name: str, holder: str, lease: float) -> bool:
        """Take or renew a lease of some seconds; False when somebody else has it."""

    def release(self, holder: str) -> None:
        """Give up every lease."""

    def holders(self) -> dict[str, str]:
        """Tell who holds what right now."""


class Hubs(Protocol):
    """The hub processes."""

    def join(
        self,
        hub_id: str,
        *,
        host: str,
        pid: int,
        birth: float,
        url: str,
        backends: Collection[str] | None = None,
        space: str = "",
    ) -> None:
        """Note that a process began, its spawners, None when not known, and where its number holds."""

    def beat(self, hub_id: str) -> bool:
        """Note that a process is alive; False when it was taken for dead and forgotten."""

    def leave(self, hub_id: str) -> None:
        """Note that a process ended, and free what it held."""

    def list(self) -> list[Mapping[str, Any]]:
        """List the processes: id, host, pid, birth, url, started, seen, backends, space; times in seconds."""
