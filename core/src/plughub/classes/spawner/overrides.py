"""Changes of the settings of one spawner before a start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plughub.classes.spawner.spawner import Spawner


def override_setting(spawner: Spawner, name: str, value: Any) -> None:
    """Change a setting of a spawner; a dictionary is merged into the present one.

    Args:
        spawner: the spawner.
        name: name of the setting.
        value: the new value.
    """
    current = getattr(spawner, name)
    if isinstance(value, dict) and isinstance(current, dict):
        setattr(spawner, name, merged(current, value))
    else:
        setattr(spawner, name, value)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dictionary with nested changes applied; None removes a key.

    Args:
        base: original dictionary.
        changes: new values.
    """
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result
