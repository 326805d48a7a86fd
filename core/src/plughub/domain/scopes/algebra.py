"""Intersection, difference and reduction of sets of scopes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from plughub.domain.scopes.definitions import INHERIT, NO_SCOPE
from plughub.domain.scopes.filters import FILTER_KINDS, ScopeFilter
from plughub.domain.scopes.scope_check import NOTHING, ScopeCoverage, parse_scopes

Groups = Mapping[str, Collection[str]]
"""Names of the groups of each relevant user; missing users are in no group."""

NO_GROUPS: Final[Groups] = MappingProxyType({})


def reduce_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Remove scopes with a filter if the same scope is present without one."""
    found = frozenset(scopes)
    return frozenset(scope for scope in found if "!" not in scope or scope.partition("!")[0] not in found)


def intersect_scopes(
    these: frozenset[str], those: frozenset[str], groups: Groups = NO_GROUPS
) -> frozenset[str]:
    """Return the intersection of two sets of scopes.

    A server is part of its user, and a user is part of the user's groups: if alice is in the group class,
    ``servers!server=alice/lab`` and ``servers!group=class`` intersect in the former.

    Args:
        these: expanded scopes.
        those: expanded scopes.
        groups: groups of the users that appear in filters, see `users_in_filters`.

    Returns:
        Expanded scopes, each of which both sides include.
    """
    left, right = parse_scopes(these), parse_scopes(those)
    common: set[str] = set()
    for base in left.keys() & right.keys():
        common.update(_within(base, left[base], right[base], groups))
        common.update(_within(base, right[base], left[base], groups))
    return frozenset(common)


def excess_scopes(wanted: frozenset[str], held: frozenset[str], groups: Groups = NO_GROUPS) -> frozenset[str]:
    """Return the requested scopes that are not held, and that therefore cannot be granted.

    Args:
        wanted: requested expanded scopes.
        held: expanded scopes of the granting principal.
        groups: groups of the users that appear in filters.

    Returns:
        The excess scopes, never ``inherit`` or ``(no_scope)``.
    """
    coverages = parse_scopes(held)
    kept = {
        scope
        for base, coverage in parse_scopes(wanted).items()
        for scope in _within(base, coverage, coverages.get(base, NOTHING), groups)
    }
    return reduce_scopes(wanted) - kept - {INHERIT, NO_SCOPE}


def effective_token_scopes(
    token: frozenset[str], owner: frozenset[str], groups: Groups = NO_GROUPS
) -> frozenset[str]:
    """Return the effective scopes of a token: its own scopes, as far as its owner still holds them.

    Args:
        token: expanded scopes of the token, with those to access its client and to identify its owner.
        owner: expanded scopes of the owner.
        groups: groups of the users that appear in filters.
    """
    return owner if INHERIT in token else intersect_scopes(token, owner, groups)


def users_in_filters(*scopes: frozenset[str]) -> frozenset[str]:
    """Return the users whose groups are needed to compare sets of scopes; none if no filter is on a group."""
    coverages = [coverage for held in scopes for coverage in parse_scopes(held).values()]
    if not any(coverage.groups for coverage in coverages):
        return frozenset()
    servers = {server.partition("/")[0] for coverage in coverages for server in coverage.servers}
    return frozenset(servers.union(*(coverage.users for coverage in coverages)))


def _within(base: str, inner: ScopeCoverage, outer: ScopeCoverage, groups: Groups) -> Iterator[str]:
    """Yield the parts of one coverage that another one includes."""
    if inner.everything:
        if outer.everything:
            yield base
        return
    for kind in FILTER_KINDS:
        for value in getattr(inner, f"{kind}s"):
            part = ScopeFilter(kind, value)
            if outer.covers(part, groups.get(part.user_name, ())):
                yield f"{base}{part}"
