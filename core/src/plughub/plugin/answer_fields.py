"""Types of the fields of records that hooks return: a mistake is reported with the plugin that made it."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from plughub import kinds

Check = Callable[[Any], bool]

_COLLECTIONS: Final = (tuple, list, frozenset, set)
_UNIONS: Final = (Union, types.UnionType)


def check_fields(answer: Any) -> None:
    """Check the types of a record's fields. Any list or set may stand for another, and an int for a float.

    Args:
        answer: of a hook; anything but a record of the contract is valid.

    Raises:
        TypeError: a field has another type than the record defines.
    """
    for name, (expected, is_valid) in _checks(type(answer)).items():  # type: ignore[arg-type] # types are hashable
        if not is_valid(value := getattr(answer, name)):  # which may be a secret
            raise TypeError(f"{type(answer).__name__}.{name} must be {expected}, not {type(value).__name__}")


@functools.cache
def _checks(record: type) -> Mapping[str, tuple[str, Check]]:
    """Return the type of each field of a record and its check; none for types that are no record."""
    if not is_dataclass(record) or not record.__module__.startswith(f"{kinds.__name__}."):
        return {}
    hints = get_type_hints(record)
    return {field.name: (str(field.type), _check_of(hints[field.name])) for field in fields(record)}


def _check_of(expected: Any) -> Check:
    origin, arguments = get_origin(expected), get_args(expected)
    if expected is Any:
        return lambda _value: True
    if origin in _UNIONS:
        checks = [_check_of(one) for one in arguments]
        return lambda value: any(check(value) for check in checks)
    if origin in {tuple, frozenset}:
        check = _check_of(arguments[0])
        return lambda value: isinstance(value, _COLLECTIONS) and all(map(check, value))
    wanted = (int, float) if expected is float else origin or expected
    return lambda value: isinstance(value, wanted)
