"""Users and queries for them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from plughub.domain.scopes import ScopeCoverage


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Stored user.

    Attributes:
        id: key of the row.
        name: normalised username.
        cookie_id: content of the user's login cookies made by a JupyterHub; a new value invalidates them.
        admin: whether the user has the admin role.
        created: when the user was first stored.
        last_activity: last activity of the user or of any of their servers.
        groups: sorted names of the groups.
        roles: sorted names of the user's own roles.
        scopes: unexpanded scopes of those roles, of the groups' roles and of servers shared with the user or
            the groups.
        user_info: facts for single-user servers to show.
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
    """Stored identity of a user at an authenticator.

    Attributes:
        plugin: the authenticator.
        subject: permanent id of the user at the authenticator.
        refreshed: time of the last login or refresh, in seconds since the epoch.
        name: username at the last login; empty if unknown. The user may have been renamed since.
    """

    plugin: str
    subject: str
    refreshed: float
    name: str


class ServerState(enum.StrEnum):
    """State of a user's servers, for lists of users."""

    ACTIVE = "active"
    """A server runs or has an operation in progress."""
    READY = "ready"
    """A server runs without an operation in progress."""
    INACTIVE = "inactive"
    """No server is active."""


SORTABLE: Final = ("id", "name", "last_activity")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserQuery:
    """Filter and order of a list of users.

    Attributes:
        within: coverage that limits the list to some users and the members of some groups.
        state: only users with servers in this state; None for all.
        name_filter: only users with this text in their name.
        group: only members of this group; empty for all users.
        sort: one of `SORTABLE`; users who were never active come first.
        descending: whether to reverse the order.
        offset: number of users before the page.
        limit: largest number of users in the page.
    """

    within: ScopeCoverage = field(default_factory=lambda: ScopeCoverage(everything=True))
    state: ServerState | None = None
    name_filter: str = ""
    group: str = ""
    sort: str = "id"
    descending: bool = False
    offset: int = 0
    limit: int = 50
