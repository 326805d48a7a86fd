"""Comparing sets of scopes: what two have in common, and what one has too much."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from plughub.domain.scopes.definitions import INHERIT, NO_SCOPE
from plughub.domain.scopes.filters import FILTER_KINDS, ScopeFilter
from plughub.domain.scopes.scope_check import NOTHING, ScopeCoverage, parse_scopes

Groups = Mapping[str, Collection[str]]
"""Names of the groups of each user that matters; users who are left out are in none."""

NO_GROUPS: Final[Groups] = MappingProxyType({})


def reduce_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Drop scopes with a filter where the same scope is there without one.

    Args:
        scopes: scopes.

    Returns:
        The others.
    """
    found = frozenset(scopes)
    return frozenset(scope for scope in found if "!" not in scope or scope.partition("!")[0] not in found)


def intersect_scopes(
    these: frozenset[str], those: frozenset[str], groups: Groups = NO_GROUPS
) -> frozenset[str]:
    """Find what two sets of scopes have in common.

    A server lies in its user, a user lies in her groups: ``servers!server=alice/lab`` and
    ``servers!group=class`` have the former in common when alice is in the class.

    Args:
        these: expanded scopes.
        those: expanded scopes.
        groups: groups of the users that appear in filters, see `users_in_filters`.

    Returns:
        Expanded scopes, none of which is more than either side has.
    """
    mine, yours = parse_scopes(these), parse_scopes(those)
    common: set[str] = set()
    for base in mine.keys() & yours.keys():
        common.update(_within(base, mine[base], yours[base], groups))
        common.update(_within(base, yours[base], mine[base], groups))
    return frozenset(common)


def excess_scopes(wanted: frozenset[str], held: frozenset[str], groups: Groups = NO_GROUPS) -> frozenset[str]:
    """Find what is wanted but not held: nobody can grant what they do not hold.

    Args:
        wanted: expanded scopes.
        held: expanded scopes.
        groups: groups of the users that appear in filters.

    Returns:
        The scopes that are not held; ``inherit`` and ``(no_scope)`` never are.
    """
    reaches = parse_scopes(held)
    kept = {
        scope
        for base, reach in parse_scopes(wanted).items()
        for scope in _within(base, reach, reaches.get(base, NOTHING), groups)
    }
    return reduce_scopes(wanted) - kept - {INHERIT, NO_SCOPE}


def effective_token_scopes(
    token: frozenset[str], owner: frozenset[str], groups: Groups = NO_GROUPS
) -> frozenset[str]:
    """Find what a token may do: what it was given, as far as its owner still has it.

    Args:
        token: expanded scopes of the token, with those to access its client and to identify its owner.
        owner: expanded scopes of the owner.
        groups: groups of the users that appear in filters.

    Returns:
        Expanded scopes.
    """
    return owner if INHERIT in token else intersect_scopes(token, owner, groups)


def users_in_filters(*scopes: frozenset[str]) -> frozenset[str]:
    """Find the users whose groups matter for comparing sets of scopes.

    Args:
        scopes: sets of expanded scopes.

    Returns:
        Names of users; none when no filter is on a group.
    """
    reaches = [reach for held in scopes for reach in parse_scopes(held).values()]
    if not any(reach.groups for reach in reaches):
        return frozenset()
    servers = {server.partition("/")[0] for reach in reaches for server in reach.servers}
    return frozenset(servers.union(*(reach.users for reach in reaches)))


def _within(base: str, inner: ScopeCoverage, outer: ScopeCoverage, groups: Groups) -> Iterator[str]:
    """Name the parts of one reach that lie within another."""
    if inner.everything:
        if outer.everything:
            yield base
        return
    for kind in FILTER_KINDS:
        for value in getattr(inner, f"{kind}s"):
            part = ScopeFilter(kind, value)
            if outer.covers(part, groups.get(part.user_name, ())):
                yield f"{base}{part}"
