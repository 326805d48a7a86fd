"""Parsing and validation of JSON request bodies."""

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
"""A null character in JSON notation; PostgreSQL accepts none in text columns."""


def read_json(body: bytes, *, needed: bool = False) -> dict[str, Any]:
    """Parse a request body as a JSON object.

    Args:
        body: the body; an empty one or an empty value such as ``null`` or ``[]`` counts as an empty object.
        needed: refuse a missing body and empty values that are no object.

    Raises:
        InvalidError: the body is no JSON object, or contains values that cannot be stored.
    """
    try:
        model = json.loads(body, object_hook=_object) if body.strip() else None
        # Serializing reveals NaN, infinities and unpaired surrogates.
        text = json.dumps(model, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidError("Invalid JSON in body of request") from error
    if not model and not needed:
        return {}
    if not isinstance(model, dict):
        raise InvalidError("the body of the request must be a JSON object")
    if _NULL.search(text):
        raise InvalidError("the body of the request contains a null character")
    return model


def drop_unknown(body: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Return a body without unknown keys, but keep those that look like misspellings.

    `check_body` then refuses the misspelt keys.
    """
    return {key: value for key, value in body.items() if key in known or get_close_matches(key, known, n=1)}


def check_body(body: Mapping[str, Any], kinds: Mapping[str, str], what: str) -> None:
    """Check the keys of a body and the types of their values; null is valid for every key.

    Args:
        body: the parsed body.
        kinds: `TEXT`, `FLAG`, `NUMBER`, `TEXTS` or `OBJECT` by key.
        what: what the body describes, such as ``user``; for error messages.

    Raises:
        InvalidError: a key is unknown or a value has another type.
    """
    unknown = sorted(body.keys() - kinds.keys())
    if unknown:
        shown = ", ".join(shorten(key) for key in unknown[:10])
        raise InvalidError(f"Invalid JSON keys: {shown}; known keys: {', '.join(kinds)}")
    for key, value in body.items():
        if value is not None and not _is(value, kinds[key]):
            raise InvalidError(f"{what}.{key} must be {kinds[key]}")


def _object(found: dict[str, Any]) -> dict[str, Any]:
    if any(key.startswith(RESERVED) for key in found):
        raise InvalidError(f"Invalid JSON keys: keys that begin with {RESERVED} are reserved")
    return found


def _is(value: Any, kind: str) -> bool:
    if kind == TEXTS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind == NUMBER:
        return isinstance(value, int) and not isinstance(value, bool)
    types: Mapping[str, type] = {TEXT: str, FLAG: bool, OBJECT: dict}
    return isinstance(value, types[kind])
