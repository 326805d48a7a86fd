"""JSON that users and plugins have the hub store: small, plain, and readable by every client."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from plughub.domain.errors import InvalidError, TooLargeError
from plughub.domain.names import shorten

MAX_JSON: Final = 64 * 1024
"""Bytes of JSON text that one object may have."""
MAX_DEPTH: Final = 32
"""How deep lists and objects may be nested."""
RESERVED: Final = "__jupyterhub_"
"""Begins keys that mean something else than data where JSON is stored."""


def plain_json(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Check an object and return it as JSON brings it back.

    Args:
        value: the object; sets become lists and times become texts, as where it is stored.
        what: the object in a message, such as ``the options of a server``.

    Returns:
        The object, made of dicts with text keys, lists, texts, finite numbers, booleans and None.

    Raises:
        TooLargeError: its JSON text is longer than `MAX_JSON`.
        InvalidError: it holds a file or something else that is no JSON, or is nested too deep.
    """
    try:
        text = json.dumps(dict(value), default=_simple, allow_nan=False, ensure_ascii=False).encode()
    except _NotJSONError as reason:
        raise InvalidError(f"{what} hold {reason}, which cannot be kept in them") from reason
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidError(f"{what} are no JSON", detail=shorten(str(error), 80)) from error
    if len(text) > MAX_JSON:
        raise TooLargeError(f"{what} are longer than {MAX_JSON // 1024} KiB of JSON text")
    found: dict[str, Any] = json.loads(text)
    _check(found, what, MAX_DEPTH)
    return found


class _NotJSONError(Exception):
    """Names a thing that does not go into JSON."""


def _simple(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    file = isinstance(value, bytes | bytearray | memoryview)
    raise _NotJSONError("a file" if file else f"a {type(value).__name__}")


def _check(value: Any, what: str, depth: int) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidError(f"{what} have a null character in them")
        return
    if not isinstance(value, dict | list):
        return
    if not depth:
        raise InvalidError(f"{what} are nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        if any(key.startswith(RESERVED) for key in value):
            raise InvalidError(f"{what} have a key that begins with {RESERVED}, which is reserved")
        value = [*value, *value.values()]
    for item in value:
        _check(item, what, depth - 1)
