"""Validation of JSON that users and plugins store in the hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from plughub.domain.errors import InvalidError, TooLargeError
from plughub.domain.names import shorten

MAX_JSON: Final = 64 * 1024
"""Largest JSON text of an object, in bytes."""
MAX_DEPTH: Final = 32
"""Deepest nesting of lists and objects."""
RESERVED: Final = "__jupyterhub_"
"""Prefix of keys with a special meaning in stored JSON."""


def plain_json(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Validate an object and return it as JSON restores it.

    Args:
        value: the object; sets become lists and times become texts, as in the database.
        what: name of the object in messages, such as ``the options of a server``.

    Returns:
        The object, made of dicts with text keys, lists, texts, finite numbers, booleans and None.

    Raises:
        TooLargeError: its JSON text is longer than `MAX_JSON`.
        InvalidError: it contains a file or another value that JSON cannot represent, or is nested too deeply.
    """
    try:
        text = json.dumps(dict(value), default=_simple, allow_nan=False, ensure_ascii=False).encode()
    except _NotJSONError as reason:
        raise InvalidError(f"{what} must not contain {reason}, which JSON cannot represent") from reason
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidError(f"{what} must be valid JSON", detail=shorten(str(error), 80)) from error
    if len(text) > MAX_JSON:
        raise TooLargeError(f"{what} must not be longer than {MAX_JSON // 1024} KiB of JSON text")
    found: dict[str, Any] = json.loads(text)
    _check(found, what, MAX_DEPTH)
    return found


class _NotJSONError(Exception):
    """Error for a value that JSON cannot represent; its text names the value."""


def _simple(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    file = isinstance(value, bytes | bytearray | memoryview)
    raise _NotJSONError("a file" if file else f"a value of type {type(value).__name__}")


def _check(value: Any, what: str, depth: int) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidError(f"{what} must not contain null characters")
        return
    if not isinstance(value, dict | list):
        return
    if not depth:
        raise InvalidError(f"{what} must not be nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        if any(key.startswith(RESERVED) for key in value):
            raise InvalidError(f"{what} must not contain keys that begin with {RESERVED}, which are reserved")
        value = [*value, *value.values()]
    for item in value:
        _check(item, what, depth - 1)
