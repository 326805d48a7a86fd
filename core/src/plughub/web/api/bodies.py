"""Checking what a request sends: which keys, of which types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten

TEXT: Final = "a string"
FLAG: Final = "a boolean"
NUMBER: Final = "an integer"
TEXTS: Final = "a list of strings"
OBJECT: Final = "an object"


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


def _is(value: Any, kind: str) -> bool:
    if kind == TEXTS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind == NUMBER:
        return isinstance(value, int) and not isinstance(value, bool)
    types: Mapping[str, type] = {TEXT: str, FLAG: bool, OBJECT: dict}
    return isinstance(value, types[kind])
