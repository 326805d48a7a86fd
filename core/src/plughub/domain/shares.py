"""Shares: somebody else may do some things with one server; and codes that can be turned into a share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.domain.scopes.filters import ScopeFilter, parse_scope

GranteeKind = Literal["user", "group"]
"""With whom a server can be shared."""

CODE_SECONDS: Final = 86_400
"""How long a code is good when nobody says."""
MIN_CODE_SECONDS: Final = 60
MAX_CODE_SECONDS: Final = 365 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share, as stored.

    Attributes:
        id: key of the row.
        owner: name of the owner of the server, as it is now.
        server: name of the server, as it is now; empty for the default one.
        kind: whether a user or the members of a group have it.
        grantee: name of that user or group.
        scopes: what they may do, each with the filter of this server.
        created: when it was granted.
        ready: the server runs.
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
    """A code that whoever gets it can turn into a share, as stored; its text is not.

    Attributes:
        id: key of the row.
        owner: name of the owner of the server, as it is now.
        server: name of the server, as it is now; empty for the default one.
        scopes: what the share will allow, each with the filter of this server.
        created: when it was made.
        expires: when it ends; None for never.
        exchanges: how often it was used.
        last_exchange: when it was used last.
        ready: the server runs.
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
    """Which shares or codes are listed: those that fit all that is given, by keys of rows.

    Attributes:
        owner: of servers of this user.
        server: of this server.
        user: granted to this user.
        groups_too: granted to the groups of that user, too.
        group: granted to this group.
    """

    owner: int | None = None
    server: int | None = None
    user: int | None = None
    groups_too: bool = False
    group: int | None = None


def share_scopes(scopes: Iterable[str], owner: str, server: str) -> frozenset[str]:
    """Bind what somebody wants to share to the server.

    Args:
        scopes: without a filter, or with that of the server; none for opening it in a browser.
        owner: name of the owner.
        server: name of the server.

    Returns:
        The scopes, each with the filter of the server.

    Raises:
        InvalidError: a scope has another filter.
    """
    here = ScopeFilter.server(owner, server)
    wanted = list(scopes) or ["access:servers"]
    for scope in wanted:
        _, limit = parse_scope(scope)
        if limit not in {None, here}:
            raise InvalidError(f"scope {shorten(scope, 80)} cannot be shared: the only filter is {here}")
    return bound_scopes(wanted, owner, server)


def bound_scopes(scopes: Iterable[str], owner: str, server: str) -> frozenset[str]:
    """Put the filter of a server in place of whatever filters stored scopes have.

    A share follows its server when owner or server get another name, and never reaches who has the old one.

    Args:
        scopes: as stored.
        owner: name of the owner now.
        server: name of the server now.

    Returns:
        The scopes.
    """
    here = ScopeFilter.server(owner, server)
    return frozenset(f"{scope.partition('!')[0]}{here}" for scope in scopes)
