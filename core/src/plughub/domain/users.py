"""Users as the core knows them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from plughub.domain.scopes import ScopeCoverage


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user, as stored.

    Attributes:
        id: key of the row.
        name: normalised name.
        cookie_id: what login cookies hold that a JupyterHub made; a new one voids them.
        admin: whether the user has the admin role.
        created: when the user was stored first.
        last_activity: last activity of the user or of any server of the user.
        groups: names of the groups, sorted.
        roles: names of the user's own roles, sorted.
        scopes: scopes of those roles, of the groups' roles and of servers that are shared with the user or
            the groups, not expanded.
        user_info: what single-user servers may show.
    """

    id: int
    name: str
    cookie_id: str = field(repr=False)
    admin: bool = False
    created: datetime | None = None
    last_activity: datetime | None = None
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()
    user_info: Mapping[str, Any] = field(default_factory=dict)


class IdentityRecord(NamedTuple):
    """By what a plugin knows a user, as stored.

    Attributes:
        plugin: the authenticator.
        subject: what it knows the person by.
        refreshed: when it was asked last, seconds since the epoch.
        name: the name that it gave at the last login; empty where that is not known. The user may have
            another one.
    """

    plugin: str
    subject: str
    refreshed: float
    name: str


class ServerState(enum.StrEnum):
    """What the servers of a user are like, for those who list users."""

    ACTIVE = "active"
    """Some server runs, or something is being done to it."""
    READY = "ready"
    """Some server runs and nothing is being done to it."""
    INACTIVE = "inactive"
    """No server is active."""


SORTABLE: Final = ("id", "name", "last_activity")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserQuery:
    """Which users are listed, and in what order.

    Attributes:
        within: only users in this reach: some by name, the members of some groups.
        state: only users with such servers; None for all.
        name_filter: only users with this in their name.
        sort: one of `SORTABLE`; who was never active comes first.
        descending: the other way round.
        offset: users before the page.
        limit: users in the page at most.
    """

    within: ScopeCoverage = field(default_factory=lambda: ScopeCoverage(everything=True))
    state: ServerState | None = None
    name_filter: str = ""
    sort: str = "id"
    descending: bool = False
    offset: int = 0
    limit: int = 50
