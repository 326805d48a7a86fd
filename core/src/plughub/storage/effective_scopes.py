"""Queries for the scopes of users and groups: from their roles, from roles of groups and from shares."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Text,
    bindparam,
    func,
    literal,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)

from plughub.domain.shares import bound_scopes
from plughub.storage import tables

Match = Callable[[ColumnElement[int]], ColumnElement[bool]]
"""Function from the column with the key of a user or group to a condition."""

_groups = tables.groups.c
_roles, _users, _spawners, _shares = tables.roles.c, tables.users.c, tables.spawners.c, tables.shares.c
_own, _by_group, _members = tables.user_role_map.c, tables.group_role_map.c, tables.user_group_map.c


_REMEMBERED: Final = 1024
"""Results of `combine_scopes` that are cached: most users hold the same roles."""


class ScopeSource(IntEnum):
    """Source of a scope."""

    OWN_ROLE = 0
    ROLE_OF_GROUP = 1
    SHARE = 2
    GROUP = 3
    """Name of a group, which the same statement returns although it is not a scope."""


def scopes_of_users(match: Match) -> CompoundSelect[Any]:
    """Return a statement for the scopes of users and their groups, and for the names of these groups.

    Args:
        match: condition on the users.

    Returns:
        A statement with parameter ``now`` and the columns ``holder`` (key of the user), ``name`` of a role,
        shared server or group, ``scopes`` as JSON text and `ScopeSource`.
    """
    return union_all(
        select(_own.user_id.label("holder"), *_role(ScopeSource.OWN_ROLE))
        .join(tables.roles, _roles.id == _own.role_id)
        .where(match(_own.user_id)),
        select(_members.user_id.label("holder"), *_role(ScopeSource.ROLE_OF_GROUP))
        .join(tables.group_role_map, _by_group.group_id == _members.group_id)
        .join(tables.roles, _roles.id == _by_group.role_id)
        .where(match(_members.user_id)),
        _shared(_shares.user_id).where(match(_shares.user_id)),
        _shared(_members.user_id)
        .join(tables.user_group_map, _members.group_id == _shares.group_id)
        .where(match(_members.user_id)),
        select(
            _members.user_id.label("holder"),
            _groups.name,
            null().label("scopes"),
            literal(int(ScopeSource.GROUP)).label("source"),
        )
        .join(tables.groups, _groups.id == _members.group_id)
        .where(match(_members.user_id)),
    )


def scopes_of_groups(match: Match) -> CompoundSelect[Any]:
    """Return a statement for the scopes that groups give to their members.

    Args:
        match: condition on the groups.

    Returns:
        A statement like that of `scopes_of_users`; ``holder`` is the key of the group.
    """
    return union_all(
        select(_by_group.group_id.label("holder"), *_role(ScopeSource.OWN_ROLE))
        .join(tables.roles, _roles.id == _by_group.role_id)
        .where(match(_by_group.group_id)),
        _shared(_shares.group_id).where(match(_shares.group_id)),
    )


class Granted(NamedTuple):
    """What roles, groups and shares give to one holder.

    Attributes:
        groups: sorted names of the groups.
        roles: sorted names of the holder's own roles.
        scopes: all scopes. Scopes of shares are bound to the current name of the server.
    """

    groups: tuple[str, ...]
    roles: tuple[str, ...]
    scopes: frozenset[str]


def combine_scopes(rows: Iterable[Sequence[Any]]) -> Granted:
    """Combine the rows of one holder, from one of these statements."""
    return _combine(tuple(tuple(row[1:]) for row in rows))


@lru_cache(_REMEMBERED)
def _combine(rows: tuple[tuple[str, str | None, int], ...]) -> Granted:
    groups: set[str] = set()
    roles: set[str] = set()
    scopes: set[str] = set()
    for name, text, source in rows:
        if source == ScopeSource.GROUP:
            groups.add(name)
            continue
        given = (json.loads(text) if text else None) or ()
        if source == ScopeSource.SHARE:
            owner, _, server = name.partition("/")
            given = bound_scopes(given, owner, server)
        elif source == ScopeSource.OWN_ROLE:
            roles.add(name)
        scopes.update(given)
    return Granted(tuple(sorted(groups)), tuple(sorted(roles)), frozenset(scopes))


def _role(source: ScopeSource) -> tuple[ColumnElement[Any], ...]:
    return (_roles.name, _as_text(_roles.scopes), literal(int(source)).label("source"))


def _as_text(scopes: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the column without decoding it: most rows have one of a few texts, which `_combine` decodes."""
    return type_coerce(scopes, Text).label("scopes")


def _shared(holder: ColumnElement[int]) -> Select[Any]:
    name = _users.name + "/" + func.coalesce(_spawners.name, "")
    return (
        select(
            holder.label("holder"),
            name.label("name"),
            _as_text(_shares.scopes),
            literal(int(ScopeSource.SHARE)).label("source"),
        )
        .select_from(tables.shares)
        .join(tables.spawners, _spawners.id == _shares.spawner_id)
        .join(tables.users, _users.id == _spawners.user_id)
        .where(or_(_shares.expires_at.is_(None), _shares.expires_at > bindparam("now")))
    )
