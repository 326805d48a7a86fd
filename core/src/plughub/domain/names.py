"""Names of users, servers and roles: normalization, validation, and escaping without collisions."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection
from typing import Final
from urllib.parse import quote, unquote

from plughub.domain.errors import InvalidError
from plughub.domain.words import _

MAX_USERNAME: Final = 255
MAX_ESCAPED: Final = 900
"""Escaped characters of a username in a URL; the database stores URLs of up to 1023 characters."""
MAX_DISPLAY_NAME: Final = 255
_MAX_SERVER_NAME: Final = 30
_SERVER_NAME: Final = re.compile(r"[a-z](?:-?[a-z0-9]){0,29}")
_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
URL_SAFE: Final = "@"


def normalize_username(name: str) -> str:
    """Return the canonical form of a username.

    Applies compatibility normalization (full-width letters), lower case, and strips outer space.

    Args:
        name: the name as typed.

    Returns:
        The normalised name.
    """
    return unicodedata.normalize("NFKC", name).strip().lower()


def has_control(text: str) -> bool:
    """Return whether a text has characters that no name has: control characters, line ends, surrogates.

    Args:
        text: untrusted text.
    """
    return any(unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} for sign in text)


def check_username(name: str, pattern: str = "") -> str:
    """Return a normalised username if it is valid.

    Args:
        name: the name.
        pattern: a regular expression that must match the whole name; empty for any.

    Raises:
        InvalidError: it is not a valid username.
    """
    shown = shorten(name)
    if not name:
        raise InvalidError("the username is empty")
    if len(name) > MAX_USERNAME:
        raise InvalidError(
            _(
                "the username is longer than %(max_username)s characters: %(shown)s",
                max_username=MAX_USERNAME,
                shown=shown,
            )
        )
    if len(quote(name.encode(errors="replace"), safe=URL_SAFE)) > MAX_ESCAPED:
        raise InvalidError(
            _("the username is too long for a URL, in which it is escaped: %(shown)s", shown=shown)
        )
    if "/" in name or any(unicodedata.category(sign).startswith("C") for sign in name):
        raise InvalidError(_("the username contains a slash or a control character: %(shown)s", shown=shown))
    if not name.strip(".") or not unquote(name).strip("."):
        raise InvalidError(_("the username consists of dots only: %(shown)s", shown=shown))
    if name != name.strip():
        raise InvalidError(_("the username begins or ends with a space: %(shown)s", shown=shown))
    if pattern and not re.fullmatch(pattern, name):
        raise InvalidError(
            _("the username does not match %(pattern)r: %(shown)s", pattern=pattern, shown=shown)
        )
    return name


def check_server_name(name: str) -> str:
    """Return the name of a server if it is valid: 1 to 30 of ``a-z0-9-``, first a letter, no double hyphen.

    The empty name of the default server is valid.

    Raises:
        InvalidError: it is not a valid name.
    """
    if name and not (len(name) <= _MAX_SERVER_NAME and _SERVER_NAME.fullmatch(name)):
        raise InvalidError(
            _(
                "invalid server name %(name)s: 1 to 30 lower-case letters, digits and single hyphens, "
                "beginning with a letter and ending with a letter or digit",
                name=shorten(name),
            )
        )
    return name


def similar_server_name(name: str, taken: Collection[str]) -> str:
    """Return a valid name for a server that resembles an invalid one and is not taken."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    slug = slug if slug[:1].isalpha() else f"s-{slug}"
    slug = slug[:_MAX_SERVER_NAME].strip("-")
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()
    return slug if slug not in taken else f"{slug[:21].strip('-')}-{digest[:8]}"


def check_display_name(name: str) -> str:
    """Return a display name in NFC with single inner spaces.

    Raises:
        InvalidError: it is longer than 255 characters or has control characters.
    """
    text = " ".join(unicodedata.normalize("NFC", name).split(" ")).strip()
    text = re.sub(" {2,}", " ", text)
    if len(text) > MAX_DISPLAY_NAME or not text.isprintable():
        raise InvalidError(
            _(
                "a display name has at most %(max_display_name)s printable characters",
                max_display_name=MAX_DISPLAY_NAME,
            )
        )
    return text


def escape(name: str, safe: frozenset[str] = _SAFE, mark: str = "-") -> str:
    """Escape a name for places that allow few characters, without collisions.

    Every byte of an unsafe character becomes the mark and two hexadecimal digits. The mark itself is never
    safe, so the escape is reversible and therefore injective.

    Args:
        name: any text.
        safe: characters that are not escaped.
        mark: first character of an escape.

    Returns:
        The escaped name.
    """
    kept = safe - {mark}
    return "".join(
        sign if sign in kept else "".join(f"{mark}{byte:02x}" for byte in sign.encode()) for sign in name
    )


def unique_name(user: str, server: str, *, max_length: int = 0, separator: str = "--") -> str:
    """Return a unique name for something that belongs to one server, such as a container or a unit.

    Args:
        user: name of the user.
        server: name of the server, empty for the default one.
        max_length: longest name; a longer one is cut and ends with a hash of the whole. 0 for no limit.
        separator: text between the two names. It cannot occur inside an escaped name, because a mark is
            always followed by a digit.

    Returns:
        A name that no other pair of user and server has.
    """
    name = escape(user) + (separator + escape(server) if server else "")
    if not max_length or len(name) <= max_length:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[: max_length - 20].rstrip('-')}---{digest}"


def quote_path(name: str) -> str:
    """Escape a name for one segment of a URL path, as JupyterHub does.

    All prefixes, routes, links and redirects with names use this function. The unescaped characters have no
    special meaning in regular expressions, cookie paths or proxy configurations.

    Args:
        name: name of a user, server, group or service.

    Returns:
        The segment, in which all characters except letters, digits and ``_.-~@`` are escaped.
    """
    return quote(name, safe=URL_SAFE)


def shorten(text: str, length: int = 32) -> str:
    """Return a short printable form of untrusted text for logs and messages.

    Args:
        text: any text.
        length: number of characters to keep.

    Returns:
        The quoted text without control characters.
    """
    return repr(text if len(text) <= length else text[:length] + "…")
