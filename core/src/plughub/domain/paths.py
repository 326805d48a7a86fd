"""Canonical spelling of URL paths, and recognition of other spellings.

A percent-encoded character and the character itself are equivalent, but programs compare texts. The hub
therefore writes every path in the spelling of `quote_path` and compares other spellings segment by segment.
An encoded slash never ends a segment, so that no path can turn into a path of another user.
"""

from __future__ import annotations

import unicodedata
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from plughub.domain.errors import InvalidError

_FORMER_SAFE: Final = "@!:$&'()*+,;="
"""Characters that earlier versions of this hub did not escape."""


def normal_path(path: str) -> str:
    """Return the canonical spelling of a path, with each segment escaped as by `quote_path`."""
    return "/".join(quote(unquote_to_bytes(segment), safe="@") for segment in path.split("/"))


def former_path(path: str) -> str:
    """Return the spelling of a path in earlier versions, whose servers may still use it."""
    return "/".join(quote(unquote_to_bytes(segment), safe=_FORMER_SAFE) for segment in path.split("/"))


def is_same_path(one: str, other: str) -> bool:
    """Return whether two paths differ only in their spelling."""
    return one == other or normal_path(one) == normal_path(other)


def respell(uri: str, prefix: str) -> str:
    """Replace the beginning of a URI by the spelling of a prefix.

    Args:
        uri: path of a request, possibly with a query.
        prefix: a path with a slash at both ends.

    Returns:
        The URI that begins with the prefix, or with the prefix without its last slash; unchanged if it is
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
    """Return the canonical spelling of the path of the whole application.

    Args:
        path: as configured, such as ``jupyter`` or ``/space word/``; escaped or not.

    Returns:
        The escaped path, with a slash at both ends.

    Raises:
        InvalidError: the path is invalid.
    """
    inner = path.strip("/")
    for mark in "?#\\":
        if mark in inner:
            raise InvalidError(f"{path!r} is not a path: it contains {mark!r}")
    for segment in inner.split("/") if inner else ():
        _check_segment(path, segment)
    return normal_path(f"/{inner}/") if inner else "/"


def _check_segment(path: str, segment: str) -> None:
    try:
        plain = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise InvalidError(f"{path!r} contains bytes that are not UTF-8") from None
    if not plain.strip("."):
        raise InvalidError(f"{path!r} has a segment that is empty or consists of dots only")
    if "/" in plain or "\\" in plain or any(unicodedata.category(sign).startswith("C") for sign in plain):
        raise InvalidError(f"{path!r} contains an escaped slash, a backslash or a control character")


def spellings(path: str) -> frozenset[str]:
    """Return the spellings of a path in this version and in earlier versions of the hub."""
    return frozenset({path, normal_path(path), former_path(path)})
