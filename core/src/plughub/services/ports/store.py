"""What the services ask of the storage.

A use case is one function that gets a `Transaction` and answers something; `Store.read` and
`Store.write` run it off the loop. It may be run again after a deadlock, so it touches nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from plughub.domain.login_pace import Tries
from plughub.domain.motion import Motion
from plughub.domain.numbers import HubNumbers
from plughub.domain.users import IdentityRecord, User
from plughub.services.ports.audit import Audit
from plughub.services.ports.directory import Admissions, Departures, Directory, Groups, Roles
from plughub.services.ports.servers import Hubs, Leases, Operations, Servers
from plughub.services.ports.services import ServiceLives, Services
from plughub.services.ports.sessions import Sessions
from plughub.services.ports.shares import Shares
from plughub.services.ports.tokens import OAuth, Tokens

T = TypeVar("T")


class Users(Protocol):
    """Users, and who they are to the plugins."""

    def get(self, name: str) -> User | None:
        """Find a user by name."""

    def by_id(self, user_id: int) -> User | None:
        """Find a user by key."""

    def by_cookie_id(self, cookie_id: str) -> User | None:
        """Find the user whom a login cookie of a JupyterHub names."""

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

    def identities(self, user_id: int) -> list[IdentityRecord]:
        """List the identities of a user, the one that was refreshed last first."""

    def known_as(self, name: str, plugins: Collection[str] | None = None) -> list[int]:
        """List the users whom authenticators know by a name, whatever their names are here."""

    def add_identity(self, user_id: int, plugin: str, subject: str, name: str = "") -> None:
        """Note by which subject and name a plugin knows a user, checked now; no name changes nothing."""

    def auth_state(self, user_id: int) -> bytes | None:
        """Get the encrypted secrets."""

    def set_auth_state(self, user_id: int, encrypted: bytes | None) -> None:
        """Store the encrypted secrets; None to forget them."""

    def replace_auth_state(self, user_id: int, before: bytes, encrypted: bytes) -> None:
        """Store secrets that were encrypted anew, unless others were stored in the meantime."""

    def new_cookie_id(self, user_id: int) -> None:
        """Void the login cookies that a JupyterHub made."""


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

    def withdraw(self, username: str) -> None:
        """Delete the links of a name."""


class LoginTries(Protocol):
    """Counts of wrong passwords."""

    def get(self, keys: Sequence[str]) -> dict[str, Tries]:
        """Look counts up; keys that are not known are left out."""

    def lock(self, keys: Sequence[str]) -> dict[str, Tries]:
        """Look counts up and have them to ourselves until the transaction ends; unknown keys get a row."""

    def put(self, counts: Mapping[str, Tries]) -> None:
        """Store counts."""

    def purge(self, before: float, known_before: float, most: int) -> None:
        """Forget counts that did not change since a time, and the oldest where there are too many."""


class Owners(Protocol):
    """The plugins that own servers and identities, when one goes by another name."""

    def hand_over_servers(self, plugin: str, heir: str) -> None:
        """Have a spawner own the servers and operations of another one."""

    def hand_over_identities(self, plugin: str, heir: str) -> None:
        """Have an authenticator know the people of another one, besides those whom it knows as others."""


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
    def admissions(self) -> Admissions:
        """Users whom administrators added."""

    @property
    def departures(self) -> Departures:
        """Users who are being deleted."""

    @property
    def groups(self) -> Groups:
        """Groups."""

    @property
    def services(self) -> Services:
        """Services."""

    @property
    def service_lives(self) -> ServiceLives:
        """Services that run or should."""

    @property
    def roles(self) -> Roles:
        """Roles."""

    @property
    def servers(self) -> Servers:
        """Servers."""

    @property
    def shares(self) -> Shares:
        """Shares."""

    @property
    def operations(self) -> Operations:
        """Operations."""

    @property
    def tokens(self) -> Tokens:
        """Tokens."""

    @property
    def sessions(self) -> Sessions:
        """Login sessions."""

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
    def audit(self) -> Audit:
        """The audit trail."""

    @property
    def owners(self) -> Owners:
        """The plugins that own servers and identities."""

    @property
    def login_links(self) -> LoginLinks:
        """One-time login links."""

    @property
    def login_tries(self) -> LoginTries:
        """Counts of wrong passwords."""

    @property
    def settings(self) -> Settings:
        """Settings."""

    def motion(self) -> Motion:
        """Look at what goes on."""

    def numbers(self, now: datetime, *, active_users: bool = True) -> HubNumbers:
        """Count the hub as a whole, with who was active when that is asked for."""

    def now(self) -> float:
        """Tell the time by the database's clock, in seconds since the epoch."""

    @property
    def begun(self) -> float:
        """When it began, by the monotonic clock of this process, before the database was asked the time."""


class Store(Protocol):
    """The storage."""

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run a transaction that changes nothing."""

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a transaction that may change something."""
