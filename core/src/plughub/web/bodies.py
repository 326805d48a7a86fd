"""Checking what a request sends: which keys, of which types."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, Final

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.domain.plain_json import RESERVED

TEXT: Final = "a string"
FLAG: Final = "a boolean"
NUMBER: Final = "an integer"
TEXTS: Final = "a list of strings"
OBJECT: Final = "an object"
_NULL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""A null character, as JSON writes it; no text column takes one."""


def read_json(body: bytes, *, needed: bool = False) -> dict[str, Any]:
    """Read a body.

    Args:
        body: of the request.
        needed: refuse a body that is not there, or empty but no object.

    Returns:
        The JSON object; an empty one when there is no body, or an empty one such as ``null`` or ``[]``.

    Raises:
        InvalidError: it is no JSON object, or holds what cannot be stored.
    """
    try:
        model = json.loads(body, object_hook=_object) if body.strip() else None
        # Numbers that are none and halves of a Unicode pair are found by writing them.
        text = json.dumps(model, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidError("Invalid JSON in body of request") from error
    if not model and not needed:
        return {}
    if not isinstance(model, dict):
        raise InvalidError("the body of the request must be a JSON object")
    if _NULL.search(text):
        raise InvalidError("the body of the request has a null character in it")
    return model


def without_unknown(body: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Leave out keys that mean nothing here, but none that looks like a misspelt one.

    Args:
        body: of the request.
        known: keys that mean something.

    Returns:
        The body; `check_body` refuses the misspelt keys that it still has.
    """
    return {key: value for key, value in body.items() if key in known or get_close_matches(key, known, n=1)}


def check_body(body: Mapping[str, Any], kinds: Mapping[str, str], what: str) -> None:
    """Check the keys of a body and the types of their values; null is good for all.

    Args:
        body: of the request.
        kinds: `TEXT`, `FLAG`, `NUMBER`, `TEXTS` or `OBJECT` by key.
        what: what the body describes, such as ``user``.

    Raises:
        InvalidError: a key is not known or a value has another type.
    """
    unknown = sorted(body.keys() - kinds.keys())
    if unknown:
        shown = ", ".join(shorten(key) for key in unknown[:10])
        raise InvalidError(f"Invalid JSON keys: {shown}; known are {', '.join(kinds)}")
    for key, value in body.items():
        if value is not None and not _is(value, kinds[key]):
            raise InvalidError(f"{what}.{key} must be {kinds[key]}")


def _object(found: dict[str, Any]) -> dict[str, Any]:
    if any(key.startswith(RESERVED) for key in found):
        raise InvalidError(f"Invalid JSON keys: those that begin with {RESERVED} are reserved")
    return found


def _is(value: Any, kind: str) -> bool:
    if kind == TEXTS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind == NUMBER:
        return isinstance(value, int) and not isinstance(value, bool)
    types: Mapping[str, type] = {TEXT: str, FLAG: bool, OBJECT: dict}
    return isinstance(value, types[kind])
