"""Queries that go from one address to the next as they were sent: order, repetitions and blanks are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl, quote, unquote_plus

from plughub.domain.errors import InvalidError

_UNCHANGED: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"#<>')
"""Characters that may stand in a query as they are, the percent sign of an escape among them."""


def escape_uri(uri: str) -> str:
    """Escape what a request line may hold, but an address in a header or page may not.

    Args:
        uri: of a request, whose bytes were read as Latin-1.

    Returns:
        The same address in ASCII.
    """
    return quote(uri.encode("latin-1", errors="replace"), safe=_UNCHANGED)


def parameters(query: str) -> list[tuple[str, str]]:
    """Read a query; blanks at the ends of values and values without a character count.

    Args:
        query: of a request.

    Returns:
        Names and values.

    Raises:
        InvalidError: it holds what is no text.
    """
    try:
        found = parse_qsl(escape_uri(query), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidError("the address holds bytes that are no text") from error
    if any("\0" in text for pair in found for text in pair):
        raise InvalidError("the address has a null character in it")
    return found


def filter_query(query: str, drop: Callable[[str], bool]) -> str:
    """Leave parameters out of a query.

    Args:
        query: of a request.
        drop: tells by its name whether a parameter is left out.

    Returns:
        The rest, as it was sent.
    """
    pieces = (piece for piece in query.split("&") if piece)
    return escape_uri("&".join(piece for piece in pieces if not drop(_name_of(piece))))


def add_query(url: str, query: str) -> str:
    """Add a query to an address that may have one.

    Args:
        url: the address.
        query: escaped; what the address already says is not repeated.

    Returns:
        The address.
    """
    head, mark, fragment = url.partition("#")
    path, _, own = head.partition("?")
    said = set(own.split("&"))
    more = [piece for piece in query.split("&") if piece and piece not in said]
    full = "&".join([*([own] if own else []), *more])
    return f"{path}?{full}{mark}{fragment}" if full else url


def _name_of(piece: str) -> str:
    return unquote_plus(piece.partition("=")[0])
