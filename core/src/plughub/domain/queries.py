"""Query strings, forwarded unchanged with their order, repetitions and blanks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl, quote, unquote_plus

from plughub.domain.errors import InvalidError

_UNCHANGED: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"#<>')
"""Characters that need no escape in a query, including the percent sign of an escape."""


def escape_uri(uri: str) -> str:
    """Escape the characters of a request line that are not allowed in headers and pages.

    Args:
        uri: URI of a request, decoded as Latin-1.

    Returns:
        The same URI in ASCII.
    """
    return quote(uri.encode("latin-1", errors="replace"), safe=_UNCHANGED)


def parameters(query: str) -> list[tuple[str, str]]:
    """Parse a query; blanks at the ends of values and empty values are kept.

    Raises:
        InvalidError: it contains bytes that are not text.
    """
    try:
        found = parse_qsl(escape_uri(query), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidError("the address contains bytes that are not text") from error
    if any("\0" in text for pair in found for text in pair):
        raise InvalidError("the address contains a null character")
    return found


def filter_query(query: str, drop: Callable[[str], bool]) -> str:
    """Return a query without some parameters, otherwise unchanged.

    Args:
        query: query of a request.
        drop: function that decides by name whether a parameter is removed.
    """
    pieces = (piece for piece in query.split("&") if piece)
    return escape_uri("&".join(piece for piece in pieces if not drop(_name_of(piece))))


def add_query(url: str, query: str) -> str:
    """Add an escaped query to a URL that may have one; duplicate parts are not repeated."""
    head, mark, fragment = url.partition("#")
    path, _, own = head.partition("?")
    own_pieces = set(own.split("&"))
    more = [piece for piece in query.split("&") if piece and piece not in own_pieces]
    full = "&".join([*([own] if own else []), *more])
    return f"{path}?{full}{mark}{fragment}" if full else url


def _name_of(piece: str) -> str:
    return unquote_plus(piece.partition("=")[0])
