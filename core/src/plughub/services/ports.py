"""What the services ask of the storage.

A use case is one function that gets a `Transaction` and answers something; `Store.read` and
`Store.write` run it off the loop. It may be run again after a deadlock, so it touches nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from plughub.domain.servers import Failure, Operation, OperationKind, Phase, ServerRecord
from plughub.domain.users import User
from plughub.services.directory_ports import Directory, Groups, Roles, Services
from plughub.services.token_ports import OAuth, Tokens

T = TypeVar("T")


class Users(Protocol):
    """Users, and who they are to the plugins."""

    def get(self, name: str) -> User | None:
        """Find a user by name."""

    def by_id(self, user_id: int) -> User | None:
        """Find a user by key."""

    def by_cookie_id(self, cookie_id: str) -> User | None:
        """Find the user whom a login cookie names."""

    def create(self, name: str) -> User:
        """Store a new user with the default role and the default server; ConflictError when there is one."""

    def lock(self, user_id: int) -> None:
        """Have the user to ourselves until the transaction ends: who comes second sees what we wrote."""

    def update(
        self,
        user_id: int,
        *,
        user_info: Mapping[str, Any] | None = None,
        last_activity: datetime | None = None,
    ) -> None:
        """Change what is given; activity only moves forward."""

    def set_admin(self, user_id: int, admin: bool) -> None:
        """Give or take the admin role, and the flag that mirrors it."""

    def set_groups(self, user_id: int, groups: Collection[str]) -> None:
        """Make these the groups of the user; groups that are missing are stored."""

    def identity_owner(self, plugin: str, subject: str) -> int | None:
        """Find the user whom a plugin knows by a subject."""

    def identities(self, user_id: int) -> list[tuple[str, str, float]]:
        """List plugin, subject and time of the last refresh, for every identity of a user."""

    def add_identity(self, user_id: int, plugin: str, subject: str) -> None:
        """Note by which subject a plugin knows a user, and that this was checked now."""

    def auth_state(self, user_id: int) -> bytes | None:
        """Get the encrypted secrets."""

    def set_auth_state(self, user_id: int, encrypted: bytes | None) -> None:
        """Store the encrypted secrets."""

    def new_cookie_id(self, user_id: int) -> None:
        """Log the user out everywhere."""


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

    def active(self) -> list[ServerRecord]:
        """List the servers that run or to which something is being done."""

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

    def wanted(self, server_id: int, *, running: bool) -> None:
        """Store what is wanted."""

    def launching(self, server_id: int, *, backend: str, host: str, launch: str, client_id: str) -> None:
        """Store that a start is about to touch the world."""

    def launched(self, server_id: int, *, url: str, state: Mapping[str, Any]) -> None:
        """Store where the server will answer and what its backend saved."""

    def ready(self, server_id: int, at: datetime) -> None:
        """Store that the server runs."""

    def stopping(self, server_id: int) -> None:
        """Store that the server is being stopped."""

    def stopped(self, server_id: int, failure: Failure | None) -> None:
        """Store that nothing of the server is left, and why if it should not be so."""

    def still_running(self, server_id: int, failure: Failure) -> None:
        """Store that a stop failed."""

    def set_unknown(self, server_id: int, reason: str) -> None:
        """Store why the state is not known; empty when it is."""

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
        self, operation_id: str, holder: str, phase: Phase, *, failure: Failure | None = None
    ) -> bool:
        """Write down the next phase; False when the lease was lost, and nothing is written."""

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

    def report(self, operation_id: str, progress: Sequence[Mapping[str, Any]]) -> None:
        """Store what was reported."""

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

    def join(self, hub_id: str, *, host: str, pid: int, birth: float, url: str) -> None:
        """Note that a process began."""

    def beat(self, hub_id: str) -> bool:
        """Note that a process is alive; False when it was taken for dead and forgotten."""

    def leave(self, hub_id: str) -> None:
        """Note that a process ended, and free what it held."""

    def list(self) -> list[Mapping[str, Any]]:
        """List the processes: id, host, pid, birth, url, started, seen, all times in seconds."""


class Changes(Protocol):
    """News for the caches of all processes."""

    def add(self, topic: str, key: str) -> None:
        """Tell that something changed."""

    def since(self, at: float) -> list[tuple[int, str, str]]:
        """List number, topic and key of the changes since a time in seconds."""

    def purge(self, before: float) -> None:
        """Forget old changes."""


class LoginLinks(Protocol):
    """One-time login links."""

    def add(self, hashed: str, username: str, *, admin: bool, expires_at: float) -> None:
        """Store a link."""

    def take(self, hashed: str) -> tuple[str, bool] | None:
        """Use a link up: name and admin, or None when it is not known, used or ended."""


class Settings(Protocol):
    """Small facts of the hub that all its processes share."""

    def get(self, name: str) -> Any:
        """Get a fact, or None."""

    def set(self, name: str, value: Any) -> None:
        """Store a fact."""

    def set_default(self, name: str, value: Any) -> Any:
        """Store a fact unless there is one; answers what is stored."""


class Transaction(Protocol):
    """The storage inside one transaction."""

    @property
    def users(self) -> Users:
        """Users."""

    @property
    def directory(self) -> Directory:
        """Many users at once."""

    @property
    def groups(self) -> Groups:
        """Groups."""

    @property
    def services(self) -> Services:
        """Services."""

    @property
    def roles(self) -> Roles:
        """Roles."""

    @property
    def servers(self) -> Servers:
        """Servers."""

    @property
    def operations(self) -> Operations:
        """Operations."""

    @property
    def tokens(self) -> Tokens:
        """Tokens."""

    @property
    def oauth(self) -> OAuth:
        """OAuth clients and codes."""

    @property
    def leases(self) -> Leases:
        """Leases."""

    @property
    def hubs(self) -> Hubs:
        """Hub processes."""

    @property
    def changes(self) -> Changes:
        """Changes."""

    @property
    def login_links(self) -> LoginLinks:
        """One-time login links."""

    @property
    def settings(self) -> Settings:
        """Settings."""

    def now(self) -> float:
        """Tell the time by the database's clock, in seconds since the epoch."""


class Store(Protocol):
    """The storage."""

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run a transaction that changes nothing."""

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a transaction that may change something."""
