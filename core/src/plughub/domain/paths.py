"""Paths: one spelling for each, and other spellings of the same path recognised.

A percent-encoded character and the character itself mean the same, but programs compare texts. So the hub
writes every path in one spelling, that of `quote_path`, and reads the others segment by segment: an encoded
slash never ends a segment, so that no path becomes one of another user.
"""

from __future__ import annotations

import unicodedata
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from plughub.domain.errors import InvalidError

_FORMER_SAFE: Final = "@!:$&'()*+,;="
"""What this hub did not escape before it escaped like JupyterHub."""


def normal_path(path: str) -> str:
    """Bring a path to the spelling in which the hub writes it.

    Args:
        path: escaped or not, with or without slashes at its ends.

    Returns:
        The path with each segment escaped once, as `quote_path` does it.
    """
    return "/".join(quote(unquote_to_bytes(segment), safe="@") for segment in path.split("/"))


def former_path(path: str) -> str:
    """Spell a path as earlier versions of the hub did: servers that they started still go by it.

    Args:
        path: in any spelling.

    Returns:
        The path in which ``!$&'()*+,:;=`` are not escaped.
    """
    return "/".join(quote(unquote_to_bytes(segment), safe=_FORMER_SAFE) for segment in path.split("/"))


def is_same_path(one: str, other: str) -> bool:
    """Tell whether two paths differ in their spelling alone."""
    return one == other or normal_path(one) == normal_path(other)


def respell(uri: str, prefix: str) -> str:
    """Spell the beginning of an address like a prefix.

    Args:
        uri: path of a request, maybe with a query.
        prefix: a path with a slash at both ends.

    Returns:
        The address beginning with the prefix, or with the prefix up to its last slash; unchanged where it is
        not below the prefix in any spelling.
    """
    path, mark, query = uri.partition("?")
    if path.startswith(prefix):
        return uri
    segments = path.split("/")
    depth = prefix.count("/")
    begin = "/".join(segments[:depth])
    if not is_same_path(begin, prefix[:-1]):
        return uri
    rest = "".join(f"/{segment}" for segment in segments[depth:])
    return f"{prefix[:-1]}{rest}{mark}{query}"


def check_base_url(path: str) -> str:
    """Check the path of the whole application and bring it to the hub's spelling.

    Args:
        path: as it was configured, such as ``jupyter`` or ``/space word/``; escaped or not.

    Returns:
        The path, escaped, with a slash at both ends.

    Raises:
        InvalidError: no browser or proxy asks for such a path.
    """
    inner = path.strip("/")
    for mark in "?#\\":
        if mark in inner:
            raise InvalidError(f"{path!r} is no path: it has {mark!r} in it")
    for segment in inner.split("/") if inner else ():
        _check_segment(path, segment)
    return normal_path(f"/{inner}/") if inner else "/"


def _check_segment(path: str, segment: str) -> None:
    try:
        plain = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise InvalidError(f"{path!r} has bytes in it that are no UTF-8") from None
    if not plain.strip("."):
        raise InvalidError(f"{path!r} has a part that is empty or made of dots only")
    if "/" in plain or "\\" in plain or any(unicodedata.category(sign).startswith("C") for sign in plain):
        raise InvalidError(f"{path!r} has an escaped slash, a backslash or a control character in it")


def spellings(path: str) -> frozenset[str]:
    """List the spellings that the hub has given to a path: its own, and that of earlier versions."""
    return frozenset({path, normal_path(path), former_path(path)})
