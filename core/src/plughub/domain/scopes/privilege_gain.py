"""Scopes that apply to a user or server only after a rename or a change of groups."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from plughub.domain.scopes.definitions import NOT_OF_USERS
from plughub.domain.scopes.filters import ScopeFilter
from plughub.domain.scopes.scope_check import ScopeCoverage, parse_scopes


@dataclass(frozen=True, slots=True)
class FilterFacts:
    """Facts about a user that filters depend on.

    Attributes:
        name: the username.
        groups: names of the user's groups.
    """

    name: str
    groups: Collection[str] = ()


def gained_scopes(held: frozenset[str], before: FilterFacts, after: FilterFacts) -> frozenset[str]:
    """Return the held scopes that apply to a user after a change and did not apply before.

    Args:
        held: expanded scopes.
        before: the user before the change.
        after: the user after the change.

    Returns:
        Names of scopes, without filters.
    """
    return frozenset(
        scope
        for scope, coverage in parse_scopes(held).items()
        if scope not in NOT_OF_USERS and _reaches(coverage, after) and not _covers(coverage, before)
    )


def gained_over_server(held: frozenset[str], user: FilterFacts, before: str, after: str) -> frozenset[str]:
    """Return the held scopes that apply to a server by its new name and did not apply before.

    Args:
        held: expanded scopes.
        user: the owner of the server.
        before: name of the server.
        after: its new name.

    Returns:
        Names of scopes, without filters.
    """
    old, new = ScopeFilter.server(user.name, before), ScopeFilter.server(user.name, after)
    return frozenset(
        scope
        for scope, coverage in parse_scopes(held).items()
        if scope not in NOT_OF_USERS
        and coverage.covers(new, user.groups)
        and not coverage.covers(old, user.groups)
    )


def _covers(coverage: ScopeCoverage, facts: FilterFacts) -> bool:
    return coverage.covers(ScopeFilter.user(facts.name), facts.groups)


def _reaches(coverage: ScopeCoverage, facts: FilterFacts) -> bool:
    """Return whether a scope applies to a user or to any server of that user."""
    return _covers(coverage, facts) or any(
        server.partition("/")[0] == facts.name for server in coverage.servers
    )
