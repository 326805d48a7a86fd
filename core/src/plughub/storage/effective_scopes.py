"""Queries for the scopes of users and groups: from their roles, from roles of groups and from shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    bindparam,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from plughub.domain.shares import bound_scopes
from plughub.storage import tables

Match = Callable[[ColumnElement[int]], ColumnElement[bool]]
"""Function from the column with the key of a user or group to a condition."""

_groups = tables.groups.c
_roles, _users, _spawners, _shares = tables.roles.c, tables.users.c, tables.spawners.c, tables.shares.c
_own, _by_group, _members = tables.user_role_map.c, tables.group_role_map.c, tables.user_group_map.c


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
        shared server or group, ``scopes`` and `ScopeSource`.
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


def combine_scopes(rows: Iterable[Row[Any]]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Combine the rows of one holder.

    Args:
        rows: rows of one of these statements.

    Returns:
        The sorted names of the holder's own roles, and all scopes. Scopes of shares are bound to the current
        name of the server.
    """
    roles: set[str] = set()
    scopes: set[str] = set()
    for row in rows:
        if row.source == ScopeSource.GROUP:
            continue
        if row.source == ScopeSource.SHARE:
            owner, _, server = row.name.partition("/")
            scopes |= bound_scopes(row.scopes or (), owner, server)
            continue
        scopes.update(row.scopes or ())
        if row.source == ScopeSource.OWN_ROLE:
            roles.add(row.name)
    return tuple(sorted(roles)), frozenset(scopes)


def groups_in(rows: Iterable[Row[Any]]) -> tuple[str, ...]:
    """Return the sorted names of the groups of one user from the rows of `scopes_of_users`."""
    return tuple(sorted(row.name for row in rows if row.source == ScopeSource.GROUP))


def scope_combiner() -> Callable[[Sequence[Row[Any]]], tuple[tuple[str, ...], frozenset[str]]]:
    """Return a function like `combine_scopes` for many holders, which caches the result for equal roles.

    The function must only be used for rows of one transaction.
    """
    known: dict[tuple[tuple[int, str], ...], tuple[tuple[str, ...], frozenset[str]]] = {}

    def sum_of(rows: Sequence[Row[Any]]) -> tuple[tuple[str, ...], frozenset[str]]:
        held = tuple((row.source, row.name) for row in rows)
        if any(source == ScopeSource.SHARE for source, _ in held):  # scopes differ from share to share
            return combine_scopes(rows)
        if held not in known:
            known[held] = combine_scopes(rows)
        return known[held]

    return sum_of


def _role(source: ScopeSource) -> tuple[ColumnElement[Any], ...]:
    return (_roles.name, _roles.scopes, literal(int(source)).label("source"))


def _shared(holder: ColumnElement[int]) -> Select[Any]:
    name = _users.name + "/" + func.coalesce(_spawners.name, "")
    return (
        select(
            holder.label("holder"),
            name.label("name"),
            _shares.scopes,
            literal(int(ScopeSource.SHARE)).label("source"),
        )
        .select_from(tables.shares)
        .join(tables.spawners, _spawners.id == _shares.spawner_id)
        .join(tables.users, _users.id == _spawners.user_id)
        .where(or_(_shares.expires_at.is_(None), _shares.expires_at > bindparam("now")))
    )
