"""What users and groups may do: by roles of their own, by those of groups, by what is shared with them."""

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
"""Gets the column with the key of a user or group, and says which are wanted."""

_groups = tables.groups.c
_roles, _users, _spawners, _shares = tables.roles.c, tables.users.c, tables.spawners.c, tables.shares.c
_own, _by_group, _members = tables.user_role_map.c, tables.group_role_map.c, tables.user_group_map.c


class ScopeSource(IntEnum):
    """Where a right comes from."""

    OWN_ROLE = 0
    ROLE_OF_GROUP = 1
    SHARE = 2
    GROUP = 3
    """The name of a group: no right itself, asked for by the same statement."""


def rights_of_users(match: Match) -> CompoundSelect[Any]:
    """Ask for the rights of users, of their groups' too, and for the names of these groups.

    Args:
        match: which users.

    Returns:
        A statement that gives the key of the user as ``holder``, the ``name`` of a role, of a shared
        server or of a group, ``scopes`` and `ScopeSource`; it takes ``now``.
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


def rights_of_groups(match: Match) -> CompoundSelect[Any]:
    """Ask for the rights that groups give to their members.

    Args:
        match: which groups.

    Returns:
        A statement as that of `rights_of_users`; ``holder`` is the key of the group.
    """
    return union_all(
        select(_by_group.group_id.label("holder"), *_role(ScopeSource.OWN_ROLE))
        .join(tables.roles, _roles.id == _by_group.role_id)
        .where(match(_by_group.group_id)),
        _shared(_shares.group_id).where(match(_shares.group_id)),
    )


def sum_up(rows: Iterable[Row[Any]]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Sum up the rights of one holder.

    Args:
        rows: of one of the statements here.

    Returns:
        The names of roles that are the holder's own, sorted, and all scopes. What is shared is bound to the
        server as it is called now.
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
    """Name the groups of one user.

    Args:
        rows: of the statement of `rights_of_users`.

    Returns:
        Their names, sorted.
    """
    return tuple(sorted(row.name for row in rows if row.source == ScopeSource.GROUP))


def sum_up_many() -> Callable[[Sequence[Row[Any]]], tuple[tuple[str, ...], frozenset[str]]]:
    """Sum up the rights of many holders, of whom most have the same roles.

    Returns:
        A function as `sum_up`, for rows of one transaction.
    """
    known: dict[tuple[tuple[int, str], ...], tuple[tuple[str, ...], frozenset[str]]] = {}

    def sum_of(rows: Sequence[Row[Any]]) -> tuple[tuple[str, ...], frozenset[str]]:
        held = tuple((row.source, row.name) for row in rows)
        if any(
            source == ScopeSource.SHARE for source, _ in held
        ):  # what is shared differs from share to share
            return sum_up(rows)
        if held not in known:
            known[held] = sum_up(rows)
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
