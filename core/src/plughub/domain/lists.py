"""Queries for long lists, and the records that they return. Each list is limited to a coverage of scopes."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from plughub.domain.oauth import TokenRecord
from plughub.domain.scopes import ScopeCoverage
from plughub.domain.sessions import LoginSession

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Listed(Generic[Item]):
    """Page of a list.

    Attributes:
        items: items of the page, in order.
        total: items on all pages.
    """

    items: list[Item]
    total: int


class ServerFilter(enum.StrEnum):
    """State of servers, for lists of servers."""

    ACTIVE = "active"
    """It runs or has an operation in progress."""
    RUNNING = "running"
    """It runs without an operation in progress."""
    PENDING = "pending"
    """An operation is in progress."""
    FAILED = "failed"
    """It is stopped because of a failure."""
    TROUBLED = "troubled"
    """Its state is unknown, it is not reachable, or its operation makes no progress."""
    STOPPED = "stopped"
    """It is not active."""


SORTABLE_SERVERS: Final = ("user", "last_activity", "started")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Part of a list.

    Attributes:
        within: coverage that limits the list.
        text: only items with this text in a name; empty for all.
        sort: column of the order, if the list has several orders.
        descending: whether to reverse the order.
        offset: items before the page.
        limit: largest number of items in the page.
    """

    within: ScopeCoverage = field(default_factory=lambda: ScopeCoverage(everything=True))
    text: str = ""
    sort: str = ""
    descending: bool = False
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerQuery(ListQuery):
    """Part of the list of servers.

    Attributes:
        state: only servers in this state; None for all.
        backend: only servers of this spawner; empty for all.
    """

    state: ServerFilter | None = None
    backend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenQuery(ListQuery):
    """Part of the list of tokens.

    Attributes:
        of_clients: whether to list the tokens of servers and services instead of those that users requested.
    """

    of_clients: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSummary:
    """Group without the names of its members.

    Attributes:
        id: key of the row.
        name: its name.
        members: number of members.
        roles: sorted names of its roles.
        properties: arbitrary notes of administrators.
    """

    id: int
    name: str
    members: int
    roles: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSummary:
    """Role with the numbers of its holders.

    Attributes:
        name: its name.
        description: its purpose.
        scopes: its scopes.
        managed_by_auth: whether an authenticator assigns it.
        users: number of users who hold it themselves.
        groups: names of groups that hold it.
        services: names of services that hold it.
    """

    name: str
    description: str
    scopes: tuple[str, ...]
    managed_by_auth: bool
    users: int
    groups: tuple[str, ...]
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedToken:
    """Token with facts about its owner.

    Attributes:
        token: the token.
        groups: groups of the owner; empty for a service.
    """

    token: TokenRecord
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSession:
    """Login session with facts about its user.

    Attributes:
        session: the session.
        user: name of the user.
        groups: groups of the user.
    """

    session: LoginSession
    user: str
    groups: tuple[str, ...] = ()
