"""Content security policy of pages: only scripts of the hub's own pages and templates run.

Scripts of templates, custom ones included, and of trusted markup receive the nonce of the response.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from html import unescape
from typing import Any, Final

from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from markupsafe import Markup

NONCE: Final = "csp_nonce"
"""Variable of templates with the nonce."""
_TAG: Final = re.compile(r"<script(?=[\s>]|$)|</script", re.IGNORECASE)
_HAS_NONCE: Final = re.compile(r"[^>]*\snonce\s*=", re.IGNORECASE)
_HANDLER: Final = re.compile(r"""\son[a-z]+\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)


def script_policy(nonce: str, hashes: Iterable[str] = ()) -> str:
    """Return the directives of a page's policy that concern scripts.

    Args:
        nonce: random text of the response.
        hashes: sources of event handlers in trusted markup, as `handler_hashes` returns them.

    Returns:
        The directives. ``'self'`` counts only in browsers that do not know ``'strict-dynamic'``: servers of
        users may have the hub's origin, and their files must not become scripts of the hub's pages.
    """
    sources = ["'self'", f"'nonce-{nonce}'", "'strict-dynamic'", *hashes]
    return f"script-src {' '.join(sources)}; object-src 'none'; base-uri 'self'"


def with_nonce(html: str, nonce: str) -> Markup:
    """Add the nonce to the scripts of trusted markup.

    Args:
        html: markup of a plugin, or of the administrator.
        nonce: nonce of the response.
    """
    parts = "".join(part or f' nonce="{nonce}"' for part in _parts(html, [False]))
    return Markup(parts)  # noqa: S704 - by contract, the markup is safe


def handler_hashes(html: str) -> list[str]:
    """Return the sources that allow the event handlers in the attributes of trusted markup.

    Args:
        html: markup of a plugin.
    """
    codes = sorted({unescape(found[1] or found[2] or "") for found in _HANDLER.finditer(html)})
    hashes = [f"'sha256-{b64encode(sha256(code.encode()).digest()).decode()}'" for code in codes]
    return ["'unsafe-hashes'", *hashes] if hashes else []


class ScriptNonces(Extension):
    """Extension of jinja2 that adds the nonce to the scripts in the text of templates, never in variables."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """Insert the variable with the nonce into the tokens of a template."""
        inside = [False]
        for token in stream:
            if token.type != "data":
                yield token
                continue
            for part in _parts(token.value, inside):
                yield from [Token(token.lineno, "data", part)] if part else _nonce(token.lineno)


def _nonce(line: int) -> list[Token]:
    tokens: list[tuple[str, Any]] = [
        ("data", ' nonce="'), ("variable_begin", "{{"), ("name", NONCE), ("variable_end", "}}"),
        ("data", '"'),
    ]  # fmt: skip
    return [Token(line, kind, value) for kind, value in tokens]


def _parts(html: str, inside: list[bool]) -> Iterator[str]:
    """Split markup where a nonce belongs; each such place is an empty part.

    Args:
        html: markup.
        inside: whether the markup begins within a script, where text may look like a tag; updated.
    """
    start = 0
    for found in _TAG.finditer(html):
        closes = found[0].startswith("</")
        if closes or inside[0]:
            inside[0] = not closes and inside[0]
            continue
        inside[0] = True
        if _HAS_NONCE.match(html, found.end()):
            continue
        yield html[start : found.end()]
        yield ""
        start = found.end()
    if start < len(html):
        yield html[start:]
