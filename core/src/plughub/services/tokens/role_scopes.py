"""Scopes of roles, including default roles that the config file may have changed."""

from __future__ import annotations

from collections.abc import Collection

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.domain.roles import DEFAULT_ROLES
from plughub.storage.store import Transaction


def scopes_of_role(tx: Transaction, name: str) -> tuple[str, ...]:
    """Return the scopes of a default role, not expanded.

    Args:
        tx: the transaction.
        name: name of the role, such as ``token`` or ``server``; the built-in definition if it is not stored.
    """
    return scopes_of_roles(tx, [name])


def scopes_of_roles(tx: Transaction, names: Collection[str]) -> tuple[str, ...]:
    """Return the scopes of some roles, not expanded.

    Raises:
        InvalidError: there is no such role.
    """
    known = {role.name: role.scopes for role in (*DEFAULT_ROLES, *tx.roles.all())}
    for name in names:
        if name not in known:
            raise InvalidError(f"there is no role {shorten(name)}")
    return tuple(dict.fromkeys(scope for name in names for scope in known[name]))
