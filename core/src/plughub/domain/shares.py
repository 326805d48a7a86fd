"""Shares of servers with users and groups, and share codes, which create shares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.domain.scopes.filters import ScopeFilter, parse_scope
from plughub.domain.words import _

GranteeKind = Literal["user", "group"]
"""Kind of a grantee."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Stored share.

    Attributes:
        id: key of the row.
        owner: current name of the owner of the server.
        server: current name of the server; empty for the default one.
        kind: whether the grantee is a user or a group.
        grantee: name of that user or group.
        scopes: granted scopes, each with the filter of this server.
        created: time of the grant.
        ready: whether the server runs.
    """

    id: int
    owner: str
    server: str
    kind: GranteeKind
    grantee: str
    scopes: frozenset[str] = frozenset()
    created: datetime | None = None
    ready: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareCode:
    """Stored share code, without its text. Any user can exchange it for a share.

    Attributes:
        id: key of the row.
        owner: current name of the owner of the server.
        server: current name of the server; empty for the default one.
        scopes: scopes of the share, each with the filter of this server.
        created: time of creation.
        expires: expiry; None if it does not expire.
        exchanges: how often it was used.
        last_exchange: time of last use.
        ready: whether the server runs.
    """

    id: int
    owner: str
    server: str
    scopes: frozenset[str] = frozenset()
    created: datetime | None = None
    expires: datetime | None = None
    exchanges: int = 0
    last_exchange: datetime | None = None
    ready: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareQuery:
    """Filter for shares or codes by keys of rows; None matches everything.

    Attributes:
        owner: owner of the server.
        server: the server.
        user: grantee.
        groups_too: include shares with the groups of that grantee.
        group: grantee group.
    """

    owner: int | None = None
    server: int | None = None
    user: int | None = None
    groups_too: bool = False
    group: int | None = None


def share_scopes(scopes: Iterable[str], owner: str, server: str) -> frozenset[str]:
    """Return the scopes of a share, each with the filter of the server.

    Args:
        scopes: scopes without a filter or with that of the server; empty for access in a browser.
        owner: name of the owner.
        server: name of the server.

    Raises:
        InvalidError: a scope has another filter.
    """
    here = ScopeFilter.server(owner, server)
    wanted = list(scopes) or ["access:servers"]
    for scope in wanted:
        limit = parse_scope(scope)[1]
        if limit not in {None, here}:
            raise InvalidError(
                _(
                    "scope %(scope)s cannot be shared: its filter can only be %(here)s",
                    scope=shorten(scope, 80),
                    here=here,
                )
            )
    return bound_scopes(wanted, owner, server)


def bound_scopes(scopes: Iterable[str], owner: str, server: str) -> frozenset[str]:
    """Replace the filters of stored scopes by the filter of a server.

    A share thereby follows its server when owner or server are renamed, and never applies to a later server
    with the old name.

    Args:
        scopes: the stored scopes.
        owner: current name of the owner.
        server: current name of the server.
    """
    here = ScopeFilter.server(owner, server)
    return frozenset(f"{scope.partition('!')[0]}{here}" for scope in scopes)
