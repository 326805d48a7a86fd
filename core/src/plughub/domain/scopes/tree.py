"""Tree of the hub's own and custom scopes, and the expansion of raw scopes."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.domain.scopes.algebra import reduce_scopes
from plughub.domain.scopes.custom_scopes import check_custom_scopes
from plughub.domain.scopes.definitions import (
    DEFINITIONS,
    METASCOPES,
    SELF,
    SELF_SCOPES,
    ScopeDefinition,
)
from plughub.domain.scopes.filters import ScopeFilter, parse_scope

_CACHE_SIZE: Final = 4096
_NOT_OF_SERVERS: Final = "read:users"


@dataclass(frozen=True, slots=True)
class ScopeOwner:
    """Resolution of self-filters.

    Attributes:
        user: name of the user for ``!user`` and ``self``; empty for none.
        server: ``user/server`` for ``!server``: the server that a token was issued to.
        service: name of the service for ``!service``: the owner, or the issuing client.
    """

    user: str = ""
    server: str = ""
    service: str = ""


NO_OWNER: Final = ScopeOwner()


class ScopeTree:
    """Scopes of one hub.

    Args:
        custom: definitions of custom scopes, as in ``JupyterHub.custom_scopes``: by name, each
            with a ``description`` and optional ``subscopes``.

    Raises:
        InvalidError: a definition is invalid.
    """

    def __init__(self, custom: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.definitions: Mapping[str, ScopeDefinition] = MappingProxyType(
            {**DEFINITIONS, **check_custom_scopes(custom)}
        )
        self._closures = {name: _closure(name, self.definitions) for name in self.definitions}
        self._expand_cached = functools.lru_cache(maxsize=_CACHE_SIZE)(self._expand)

    def check(self, scopes: Iterable[str], holder: str = "") -> None:
        """Check that scopes exist and have valid filters.

        Args:
            scopes: raw scopes.
            holder: the future holder, for the message.

        Raises:
            InvalidError: a scope is unknown or has an invalid filter.
        """
        place = f" for {holder}" if holder else ""
        for scope in scopes:
            base, limit = parse_scope(scope)
            if base not in self.definitions:
                near = difflib.get_close_matches(base, self.definitions, n=1)
                offer = f"; did you mean {near[0]!r}?" if near else ""
                raise InvalidError(f"scope {shorten(scope, 80)}{place} does not exist{offer}")
            if limit and base in METASCOPES:
                raise InvalidError(f"scope {shorten(scope, 80)}{place}: {base!r} takes no filter")

    def expand(self, scopes: Iterable[str], owner: ScopeOwner = NO_OWNER) -> frozenset[str]:
        """Expand raw scopes: subscopes by name, filters with values, ``self`` replaced by its scopes.

        Unresolvable scopes expand to nothing: unknown scopes, and self-filters without an owner. ``inherit``
        is kept; `effective_token_scopes` resolves it.

        Args:
            scopes: raw or expanded scopes.
            owner: resolution of self-filters.
        """
        return self._expand_cached(frozenset(scopes), owner)

    def condense(self, scopes: Collection[str]) -> tuple[str, ...]:
        """Remove scopes that another one of the set implies: the inverse of `expand`.

        Args:
            scopes: expanded scopes.

        Returns:
            The scopes that expand to the same set, sorted.
        """
        implied = {
            f"{name}{mark}{limit}"
            for base, mark, limit in (scope.partition("!") for scope in scopes)
            for name in self._closures.get(base, ())
            if base not in self._closures[name]
        }
        return tuple(sorted(frozenset(scopes) - implied))

    def _expand(self, scopes: frozenset[str], owner: ScopeOwner) -> frozenset[str]:
        return reduce_scopes(found for scope in scopes for found in self._expand_one(scope, owner))

    def _expand_one(self, scope: str, owner: ScopeOwner) -> Iterator[str]:
        try:
            base, limit = parse_scope(scope)
        except InvalidError:
            return
        if base == SELF:
            if limit is None and owner.user:
                for own in SELF_SCOPES:
                    yield from self._filtered(own, ScopeFilter.user(owner.user))
        elif base not in self._closures or (limit and base in METASCOPES):
            return
        elif limit is None:
            yield from self._closures[base]
        elif value := limit.value or getattr(owner, limit.kind):
            yield from self._filtered(base, ScopeFilter(limit.kind, value))

    def _filtered(self, base: str, limit: ScopeFilter) -> Iterator[str]:
        for name in self._closures[base]:
            if limit.kind != "server" or not name.startswith(_NOT_OF_SERVERS):
                yield f"{name}{limit}"


def _closure(name: str, definitions: Mapping[str, ScopeDefinition]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        scope = waiting.pop()
        if scope not in found:
            found[scope] = None
            waiting.extend(definitions[scope].subscopes)
    return tuple(found)


_DEFAULT_TREE: Final = ScopeTree()


def expand_scopes(scopes: Iterable[str], owner: ScopeOwner = NO_OWNER) -> frozenset[str]:
    """Expand raw scopes of a hub without custom scopes; see `ScopeTree.expand`.

    Args:
        scopes: raw or expanded scopes.
        owner: resolution of self-filters.
    """
    return _DEFAULT_TREE.expand(scopes, owner)
