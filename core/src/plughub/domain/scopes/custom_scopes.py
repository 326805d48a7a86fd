"""Validation of custom scopes, which an administrator defines for local servers and services."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from plughub.domain.errors import InvalidError
from plughub.domain.scopes.definitions import ScopeDefinition

_NAME: Final = re.compile(r"custom:[a-z0-9][a-z0-9_\-*:]+[a-z0-9_*]")
_KEYS: Final = frozenset({"description", "subscopes"})


def check_custom_scopes(custom: Mapping[str, Any]) -> dict[str, ScopeDefinition]:
    """Return definitions of custom scopes as records.

    Args:
        custom: definitions by name.

    Raises:
        InvalidError: a definition is invalid.
    """
    return {name: _check_one(name, definition, custom) for name, definition in custom.items()}


def _check_one(name: str, definition: Any, custom: Mapping[str, Any]) -> ScopeDefinition:
    if not _NAME.fullmatch(name):
        raise InvalidError(
            f"invalid custom scope {name!r}: it must begin with 'custom:' and a letter or digit, continue "
            "with a-z 0-9 _ - * : and not end with a hyphen or colon"
        )
    if not isinstance(definition, Mapping) or not definition.get("description"):
        raise InvalidError(f"custom scope {name!r} has no 'description'")
    if unknown := set(definition) - _KEYS:
        raise InvalidError(f"custom scope {name!r} has unknown keys: {', '.join(sorted(unknown))}")
    subscopes = definition.get("subscopes") or []
    if not isinstance(subscopes, list | tuple) or not all(isinstance(scope, str) for scope in subscopes):
        raise InvalidError(f"custom scope {name!r}: 'subscopes' must be a list of names")
    for subscope in subscopes:
        if subscope not in custom:
            raise InvalidError(
                f"custom scope {name!r} has the subscope {subscope!r}, which is not a custom scope; "
                "to bundle scopes of the hub, define a role"
            )
    return ScopeDefinition(str(definition["description"]), tuple(subscopes))
