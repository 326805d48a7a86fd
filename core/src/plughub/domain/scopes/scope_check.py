"""Checks whether scopes cover a resource."""

from __future__ import annotations

import enum
import functools
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from plughub.domain.errors import InvalidError
from plughub.domain.scopes.filters import ScopeFilter, parse_scope

_CACHE_SIZE: Final = 4096


@dataclass(frozen=True, slots=True)
class ScopeCoverage:
    """Resources that one scope covers.

    Attributes:
        everything: whether the scope has no filter.
        users: names of users.
        servers: ``user/server``.
        groups: names of groups, including their members.
        services: names of services.
    """

    everything: bool = False
    users: frozenset[str] = frozenset()
    servers: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    def covers(self, resource: ScopeFilter, groups: Collection[str] = ()) -> bool:
        """Return whether a resource is covered, directly or through its user or the groups of that user.

        Args:
            resource: the resource.
            groups: groups of the user of the resource.
        """
        if self.everything or resource.value in getattr(self, f"{resource.kind}s"):
            return True
        user = resource.user_name
        return bool(user) and (user in self.users or not self.groups.isdisjoint(groups))


class Access(enum.Enum):
    """Result of a check."""

    ALLOWED = "allowed"
    FILTERED = "filtered"
    """The scope is held for other resources; answer that the resource does not exist."""
    MISSING = "missing"
    """The scope is not held at all; answer with the required scope."""


NOTHING: Final = ScopeCoverage()


@functools.lru_cache(maxsize=_CACHE_SIZE)
def parse_scopes(scopes: frozenset[str]) -> Mapping[str, ScopeCoverage]:
    """Return the coverage of each scope by its name without filter.

    Args:
        scopes: expanded scopes; invalid ones and those with an open self-filter cover nothing.
    """
    values: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    unfiltered = set()
    for scope in scopes:
        try:
            base, limit = parse_scope(scope)
        except InvalidError:
            continue
        if limit is None:
            unfiltered.add(base)
        elif limit.value:
            values[base][limit.kind].add(limit.value)
    coverages = {base: _coverage(kinds) for base, kinds in values.items()}
    return MappingProxyType(coverages | dict.fromkeys(unfiltered, ScopeCoverage(everything=True)))


def coverage_of(held: frozenset[str], scope: str) -> ScopeCoverage:
    """Return the coverage of a held scope, for calls that filter lists; empty if the scope is not held.

    Args:
        held: expanded scopes.
        scope: name without a filter.
    """
    return parse_scopes(held).get(scope, NOTHING)


def check_scopes(
    held: frozenset[str],
    needed: Iterable[str],
    resource: ScopeFilter | None = None,
    groups: Collection[str] = (),
) -> Access:
    """Check whether any of the needed scopes is held for a resource.

    A scope with a filter does not count if there is no single resource.

    Args:
        held: expanded scopes.
        needed: names without filters, any of which is enough.
        resource: the resource of the request; None if there is no single one.
        groups: groups of the user of the resource.
    """
    coverages = parse_scopes(held)
    answer = Access.MISSING
    for scope in needed:
        coverage = coverages.get(scope)
        if coverage is None:
            continue
        if coverage.everything or (resource is not None and coverage.covers(resource, groups)):
            return Access.ALLOWED
        if resource is not None:
            answer = Access.FILTERED
    return answer


def _coverage(values: Mapping[str, Collection[str]]) -> ScopeCoverage:
    return ScopeCoverage(
        users=frozenset(values.get("user", ())),
        servers=frozenset(values.get("server", ())),
        groups=frozenset(values.get("group", ())),
        services=frozenset(values.get("service", ())),
    )
