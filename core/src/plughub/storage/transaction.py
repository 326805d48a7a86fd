"""Transactions, which give access to all queries."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.util import memoized_property

from plughub.domain.activity_snapshot import ActivitySnapshot
from plughub.domain.hub_counts import DEFAULT_WINDOW, HubCounts
from plughub.storage.activity_snapshot import read_activity_snapshot
from plughub.storage.admissions import Admissions
from plughub.storage.audit import Audit
from plughub.storage.change_readers import ChangeReaders
from plughub.storage.changes import Changes, database_time
from plughub.storage.groups import Groups
from plughub.storage.hub_counts import HubProblems, count
from plughub.storage.lists.lists import Lists
from plughub.storage.login_attempts import LoginAttempts
from plughub.storage.operations import Operations
from plughub.storage.pending_deletions import PendingDeletions
from plughub.storage.plugin_owners import PluginOwners
from plughub.storage.posted_values import PostedValues
from plughub.storage.processes import HubProcesses, Leases, LoginLinks, Settings
from plughub.storage.roles import Roles
from plughub.storage.runs import Runs
from plughub.storage.servers import Servers
from plughub.storage.services import ServiceLives, Services
from plughub.storage.sessions import Sessions
from plughub.storage.shares import Shares
from plughub.storage.tokens import OAuth, Tokens
from plughub.storage.user_list import UserList
from plughub.storage.users import Users


class Transaction:
    """All queries, inside one transaction.

    Its properties are not those of functools, which in Python 3.11 hold one lock for all instances: a
    transaction whose query for the time hangs would block the others.

    Args:
        connection: its connection.

    Attributes:
        begun: start of the transaction, by the monotonic clock.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.begun = time.monotonic()

    @memoized_property
    def _now(self) -> float:
        # Machines that share a PostgreSQL use its clock for leases. SQLite is used on one machine only.
        if self._connection.dialect.name != "postgresql":
            return time.time()
        return database_time(self._connection)

    def hub_counts(
        self, now: datetime, *, active_users: bool = True, window: timedelta = DEFAULT_WINDOW
    ) -> HubCounts:
        """Return the statistics of the hub, with active users on request."""
        return count(self._connection, now, active_users=active_users, window=window)

    def activity_snapshot(self, alive_seconds: float = 0.0) -> ActivitySnapshot:
        """Read the activity snapshot; hub processes live for so many seconds after a heartbeat."""
        activity_snapshot = read_activity_snapshot(self._connection, alive_seconds)
        self._now = activity_snapshot.at  # saves another query for the time
        return activity_snapshot

    def now(self) -> float:
        """Return the time of the database's clock, in seconds since the epoch."""
        return self._now

    @memoized_property
    def changes(self) -> Changes:
        """Change feed."""
        return Changes(self._connection, self.now)

    @memoized_property
    def change_readers(self) -> ChangeReaders:
        """Keys by which changes are delivered to their readers."""
        return ChangeReaders(self._connection)

    @memoized_property
    def users(self) -> Users:
        """Users."""
        return Users(self._connection, self.changes, self.now)

    @memoized_property
    def user_list(self) -> UserList:
        """Many users at once."""
        return UserList(self._connection, self.changes)

    @memoized_property
    def lists(self) -> Lists:
        """Long lists."""
        return Lists(self._connection, self._now)

    @memoized_property
    def groups(self) -> Groups:
        """Groups."""
        return Groups(self._connection, self.changes)

    @memoized_property
    def services(self) -> Services:
        """Services."""
        return Services(self._connection, self.changes)

    @memoized_property
    def service_lives(self) -> ServiceLives:
        """State of services that run or should run."""
        return ServiceLives(self._connection, self.changes, self._now)

    @memoized_property
    def roles(self) -> Roles:
        """Roles."""
        return Roles(self._connection, self.changes)

    @memoized_property
    def operations(self) -> Operations:
        """Operations."""
        return Operations(self._connection, self.now)

    @memoized_property
    def posted_values(self) -> PostedValues:
        """Values that starting servers post for their spawners."""
        return PostedValues(self._connection)

    @memoized_property
    def servers(self) -> Servers:
        """Servers."""
        return Servers(self._connection, self.operations, self.changes)

    @memoized_property
    def runs(self) -> Runs:
        """Runs of servers, for usage accounting."""
        return Runs(self._connection, self._now)

    @memoized_property
    def shares(self) -> Shares:
        """Shares and share codes."""
        return Shares(self._connection, self.changes)

    @memoized_property
    def tokens(self) -> Tokens:
        """Tokens."""
        return Tokens(self._connection, self.changes)

    @memoized_property
    def sessions(self) -> Sessions:
        """Login sessions."""
        return Sessions(self._connection, self.changes, self._now)

    @memoized_property
    def oauth(self) -> OAuth:
        """OAuth clients and codes."""
        return OAuth(self._connection, self.tokens)

    @memoized_property
    def leases(self) -> Leases:
        """Leases."""
        return Leases(self._connection, self._now)

    @memoized_property
    def hub_processes(self) -> HubProcesses:
        """Hub registry."""
        return HubProcesses(self._connection, self.operations, self.leases, self._now)

    @memoized_property
    def admissions(self) -> Admissions:
        """Admissions of users by administrators."""
        return Admissions(self._connection)

    @memoized_property
    def pending_deletions(self) -> PendingDeletions:
        """Pending deletions of users."""
        return PendingDeletions(self._connection, self._now)

    @memoized_property
    def audit(self) -> Audit:
        """Audit log."""
        return Audit(self._connection)

    @memoized_property
    def problems(self) -> HubProblems:
        """Problems that the database shows."""
        return HubProblems(self._connection)

    @memoized_property
    def plugin_owners(self) -> PluginOwners:
        """Plugins that own servers and identities."""
        return PluginOwners(self._connection)

    @memoized_property
    def login_links(self) -> LoginLinks:
        """One-time login links."""
        return LoginLinks(self._connection, self._now)

    @memoized_property
    def login_attempts(self) -> LoginAttempts:
        """Counts of wrong passwords."""
        return LoginAttempts(self._connection)

    @memoized_property
    def settings(self) -> Settings:
        """Stored facts by name."""
        return Settings(self._connection)
