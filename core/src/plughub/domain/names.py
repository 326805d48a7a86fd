"""Names of users, servers and roles: normalised once, checked once, escaped without collisions."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection
from typing import Final
from urllib.parse import quote, unquote

from plughub.domain.errors import InvalidError

MAX_USERNAME: Final = 255
MAX_ESCAPED: Final = 900
"""Characters of a username in an address; the database has room for 1023 with what stands around it."""
MAX_DISPLAY_NAME: Final = 255
_MAX_SERVER_NAME: Final = 30
_SERVER_NAME: Final = re.compile(r"[a-z](?:-?[a-z0-9]){0,29}")
_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
URL_SAFE: Final = "@"


def normalize_username(name: str) -> str:
    """Bring a name to the one form in which the hub knows it.

    Compatibility forms are folded (full-width letters), case is folded, outer space is dropped.

    Args:
        name: as it was typed.

    Returns:
        The normalised name.
    """
    return unicodedata.normalize("NFKC", name).strip().lower()


def check_username(name: str, pattern: str = "") -> str:
    """Check a normalised name.

    Args:
        name: the name.
        pattern: a regular expression that the whole name must match; empty for any.

    Returns:
        The name.

    Raises:
        InvalidError: it cannot be the name of a user.
    """
    shown = shorten(name)
    if not name:
        raise InvalidError("the username is empty")
    if len(name) > MAX_USERNAME:
        raise InvalidError(f"the username is longer than {MAX_USERNAME} characters: {shown}")
    if len(quote(name.encode(errors="replace"), safe=URL_SAFE)) > MAX_ESCAPED:
        raise InvalidError(f"the username is too long for an address, in which it is escaped: {shown}")
    if "/" in name or any(unicodedata.category(sign).startswith("C") for sign in name):
        raise InvalidError(f"the username has a slash or a control character in it: {shown}")
    if not name.strip(".") or not unquote(name).strip("."):
        raise InvalidError(f"the username has dots only: {shown}")
    if name != name.strip():
        raise InvalidError(f"the username begins or ends with a space: {shown}")
    if pattern and not re.fullmatch(pattern, name):
        raise InvalidError(f"the username does not match {pattern!r}: {shown}")
    return name


def check_server_name(name: str) -> str:
    """Check the name of a named server: 1 to 30 of ``a-z0-9-``, a letter first, no double hyphen.

    Args:
        name: the name; the empty name is the default server's and always good.

    Returns:
        The name.

    Raises:
        InvalidError: it breaks the rule.
    """
    if name and not (len(name) <= _MAX_SERVER_NAME and _SERVER_NAME.fullmatch(name)):
        raise InvalidError(
            f"invalid server name {shorten(name)}: 1 to 30 lower-case letters, digits and single hyphens, "
            "beginning with a letter and ending with a letter or digit"
        )
    return name


def similar_server_name(name: str, taken: Collection[str]) -> str:
    """Make a good name for a server out of one that breaks the rule.

    Args:
        name: the name that it has.
        taken: names of the other servers of its user.

    Returns:
        A name that keeps the rule and is not taken.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    slug = slug if slug[:1].isalpha() else f"s-{slug}"
    slug = slug[:_MAX_SERVER_NAME].strip("-")
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()
    return slug if slug not in taken else f"{slug[:21].strip('-')}-{digest[:8]}"


def check_display_name(name: str) -> str:
    """Bring a display name to its normal form and check it.

    Args:
        name: free text, at most 255 printable characters.

    Returns:
        The text, NFC-normalised, with single inner spaces.

    Raises:
        InvalidError: too long, or with control characters.
    """
    text = " ".join(unicodedata.normalize("NFC", name).split(" ")).strip()
    text = re.sub(" {2,}", " ", text)
    if len(text) > MAX_DISPLAY_NAME or not text.isprintable():
        raise InvalidError(f"a display name has at most {MAX_DISPLAY_NAME} printable characters")
    return text


def escape(name: str, safe: frozenset[str] = _SAFE, mark: str = "-") -> str:
    """Escape a name for places that take few characters, so that no two names become one.

    Every byte of a character that is not safe becomes the mark and two hexadecimal digits; the mark itself
    is never safe. So the name can be read back, which makes the escape injective.

    Args:
        name: any text.
        safe: characters that stay.
        mark: begins an escape.

    Returns:
        The escaped name.
    """
    kept = safe - {mark}
    return "".join(
        sign if sign in kept else "".join(f"{mark}{byte:02x}" for byte in sign.encode()) for sign in name
    )


def unique_name(user: str, server: str, *, max_length: int = 0, separator: str = "--") -> str:
    """Name a thing that belongs to one server, such as a container or a unit.

    Args:
        user: name of the user.
        server: name of the server, empty for the default one.
        max_length: where the place has a limit, a longer name is cut and ended with a hash of the
            whole; 0 for no limit.
        separator: stands between the two. It cannot appear inside an escaped name, because a mark is
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

    Everything that is written with a name in it goes through here: prefixes, routes, links, redirects. What
    stays has no other meaning in a regular expression, a cookie's path or the configuration of a proxy.

    Args:
        name: name of a user, server, group or service.

    Returns:
        The segment: all but letters, digits and ``_.-~@`` is escaped.
    """
    return quote(name, safe=URL_SAFE)


def shorten(text: str, length: int = 32) -> str:
    """Make a text fit for a log line or a message, whatever somebody sent.

    Args:
        text: any text.
        length: characters to keep.

    Returns:
        Its representation without control characters, cut.
    """
    return repr(text if len(text) <= length else text[:length] + "…")
