"""Descriptions of scopes for the consent page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from plughub.domain.scopes.filters import ScopeFilter, parse_scope
from plughub.domain.scopes.tree import ScopeTree
from plughub.domain.words import _

_MANY: Final = 10
_LONG: Final = 80


@dataclass(frozen=True, slots=True)
class ScopeDescription:
    """Description of a scope.

    Attributes:
        scope: name without the filter.
        description: what its holder may do.
        filter: its limit, such as ``only you``; empty for none.
    """

    scope: str
    description: str
    filter: str = ""


def describe_scopes(
    scopes: Iterable[str], tree: ScopeTree, username: str = ""
) -> tuple[ScopeDescription, ...]:
    """Return descriptions of scopes, sorted by scope.

    Args:
        scopes: raw or expanded scopes; unknown ones are skipped.
        tree: the scopes of the hub.
        username: the reader.
    """
    lines = []
    for scope in sorted(scopes):
        base, limit = parse_scope(scope)
        if base in tree.definitions:
            lines.append(ScopeDescription(base, tree.definitions[base].description, _words(limit, username)))
    return tuple(lines)


def name_scopes(scopes: Iterable[str]) -> str:
    """Return a list of untrusted scopes for a message, shortened."""
    found = sorted(scopes)
    names = [scope if len(scope) <= _LONG else f"{scope[:_LONG]}…" for scope in found[:_MANY]]
    return ", ".join(names) + (f" and {len(found) - _MANY} more" if len(found) > _MANY else "")


def _words(limit: ScopeFilter | None, username: str) -> str:
    if limit is None:
        return ""
    if limit.kind == "user" and limit.value in {"", username}:
        return _("only you")
    name = limit.value
    texts = {
        "user": _("user %(name)s", name=name) if name else _("this user"),
        "server": _("server %(name)s", name=name) if name else _("this server"),
        "group": _("users in group %(name)s", name=name) if name else _("this group"),
        "service": _("service %(name)s", name=name) if name else _("this service"),
    }
    return texts[limit.kind]
