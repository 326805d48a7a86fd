"""What the holder of scopes gains when a user or server gets another name, or a user joins a group."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from plughub.domain.scopes.definitions import NOT_OF_USERS
from plughub.domain.scopes.filters import ScopeFilter
from plughub.domain.scopes.scope_check import ScopeCoverage, parse_scopes


@dataclass(frozen=True, slots=True)
class FilterFacts:
    """What filters look at in a user.

    Attributes:
        name: of the user.
        groups: of the user.
    """

    name: str
    groups: Collection[str] = ()


def gained_scopes(held: frozenset[str], before: FilterFacts, after: FilterFacts) -> frozenset[str]:
    """Find the scopes that reach a user after a change and did not reach the user before it.

    Args:
        held: expanded scopes.
        before: the user.
        after: the user as changed.

    Returns:
        Names of scopes, without filters.
    """
    return frozenset(
        scope
        for scope, reach in parse_scopes(held).items()
        if scope not in NOT_OF_USERS and _reaches(reach, after) and not _covers(reach, before)
    )


def gained_over_server(held: frozenset[str], user: FilterFacts, before: str, after: str) -> frozenset[str]:
    """Find the scopes that reach a server by its new name and did not reach it before.

    Args:
        held: expanded scopes.
        user: whose server it is.
        before: name of the server.
        after: its new name.

    Returns:
        Names of scopes, without filters.
    """
    old, new = ScopeFilter.server(user.name, before), ScopeFilter.server(user.name, after)
    return frozenset(
        scope
        for scope, reach in parse_scopes(held).items()
        if scope not in NOT_OF_USERS and reach.covers(new, user.groups) and not reach.covers(old, user.groups)
    )


def _covers(reach: ScopeCoverage, who: FilterFacts) -> bool:
    return reach.covers(ScopeFilter.user(who.name), who.groups)


def _reaches(reach: ScopeCoverage, who: FilterFacts) -> bool:
    """Tell whether a scope reaches a user or a server of that name."""
    return _covers(reach, who) or any(server.partition("/")[0] == who.name for server in reach.servers)
