"""Scopes in words, for the page on which somebody consents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from plughub.domain.scopes.filters import ScopeFilter, parse_scope
from plughub.domain.scopes.tree import ScopeTree

_MANY: Final = 10
_LONG: Final = 80
_WORDS: Final = {
    "user": "user {}",
    "server": "server {}",
    "group": "users in group {}",
    "service": "service {}",
}


@dataclass(frozen=True, slots=True)
class ScopeDescription:
    """A scope in words.

    Attributes:
        scope: name without the filter.
        description: what its holder may do.
        filter: for whom, such as ``only you``; empty for everybody.
    """

    scope: str
    description: str
    filter: str = ""


def describe_scopes(
    scopes: Iterable[str], tree: ScopeTree, username: str = ""
) -> tuple[ScopeDescription, ...]:
    """Say in words what scopes allow.

    Args:
        scopes: raw or expanded scopes; those that do not exist are left out.
        tree: the scopes of the hub.
        username: who reads it.

    Returns:
        The descriptions, sorted by scope.
    """
    lines = []
    for scope in sorted(scopes):
        base, limit = parse_scope(scope)
        if base in tree.definitions:
            lines.append(ScopeDescription(base, tree.definitions[base].description, _words(limit, username)))
    return tuple(lines)


def name_scopes(scopes: Iterable[str]) -> str:
    """Name scopes in a message, whatever somebody sent.

    Args:
        scopes: the scopes.

    Returns:
        The first of them.
    """
    found = sorted(scopes)
    names = [scope if len(scope) <= _LONG else f"{scope[:_LONG]}…" for scope in found[:_MANY]]
    return ", ".join(names) + (f" and {len(found) - _MANY} more" if len(found) > _MANY else "")


def _words(limit: ScopeFilter | None, username: str) -> str:
    if limit is None:
        return ""
    if limit.kind == "user" and limit.value in {"", username}:
        return "only you"
    return _WORDS[limit.kind].format(limit.value).strip() if limit.value else f"this {limit.kind}"
