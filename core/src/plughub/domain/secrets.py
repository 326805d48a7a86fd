"""Removal of secrets from texts that are logged or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

HIDDEN: Final = "[secret]"
"""Replacement of a secret."""

MIN_LENGTH: Final = 4
"""Characters of the shortest secret that is replaced; shorter ones match ordinary text."""

_URL_WORDS: Final = ("token", "auth", "key", "code", "state", "xsrf", "secret", "password")
_WORDS: Final = (
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "authorization",
    "cookie",
    "xsrf",
    "session-id",
    "session_id",
    "hub-login",
    "apikey",
    "api_key",
    "api-key",
    "private_key",
    "crypt_key",
)
_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})

_SECRET_PART: Final = re.compile(r"secret|passw|passphrase|credential|token|key|cookie")
_SECRET_WORDS: Final = frozenset({"auth", "authorization", "dsn", "pw"})
_OF_FILES: Final = frozenset({"dir", "file", "folder", "location", "path"})
_SPLIT: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\W_]+")

_NAME: Final = re.compile(
    r"""(?<![\w.\-])(?P<name>[\w.\-]++)(?P<equals>["']?[ \t]*+(?:=|:|%3[dD])[ \t]*+)""", re.ASCII
)
_QUOTED: Final = re.compile(r"""b?(?:"(?:\\.|[^"\\\n])*+"?|'(?:\\.|[^'\\\n])*+'?)""")
_SHELL_WORD: Final = re.compile(_QUOTED.pattern + r"\S*+|\S*+")
_LINE: Final = re.compile(r"[^\n]*+")
_IN_URL: Final = re.compile(r"""[^&#\s"<>]*+""")
_IN_QUOTED_URL: Final = re.compile(r"""(?:(?!%26|%23)[^&#\s"<>])*+""")

_USERINFO: Final = re.compile(r"(?P<before>://[^\s/:@]*+:)[^\s/]+@")
_FLAG: Final = re.compile(
    r"(?P<before>(?<!\S)--[\w\-]*?(?:token|secret|password|api-key)[ \t]++)(?!--)\S++", re.IGNORECASE
)
_SCHEME: Final = re.compile(
    r"(?P<before>(?<!\w)(?:bearer|basic)[ \t]++)[\w+/=.~\-]{8,}+"
    r"|(?P<before_token>(?<!\w)token[ \t]++)[A-Za-z0-9]{20,}+",
    re.IGNORECASE,
)


def is_secret_name(name: str) -> bool:
    """Return whether the value of a setting, variable, option or key of this name is probably a secret.

    Paths of files, such as ``cookie_secret_file``, are no secrets.
    """
    words = [word.lower().rstrip("0123456789") for word in _SPLIT.split(name)]
    words = [word for word in words if word] or [""]
    if words[-1] in _OF_FILES:
        return False
    return words[-1] in _SECRET_WORDS or any(
        _SECRET_PART.search(word) or word.endswith(("pass", "pwd")) for word in words
    )


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """Replace secrets in a text.

    Replaces the given secrets, also in URL-escaped form, and the values of URL parameters, headers, cookies,
    variables, options and passwords in URLs whose name indicates a secret. Takes linear time.

    Args:
        text: a log line or message.
        secrets: known secrets; those shorter than `MIN_LENGTH` are ignored.

    Returns:
        The text with ``[secret]`` in their places.
    """
    text = _hide_known(text, secrets)
    text = _USERINFO.sub(rf"\g<before>{HIDDEN}@", text)
    text = _SCHEME.sub(lambda found: f"{found['before'] or found['before_token']}{HIDDEN}", text)
    text = _FLAG.sub(rf"\g<before>{HIDDEN}", text)
    return _hide_named(text)


def _hide_known(text: str, secrets: Iterable[str]) -> str:
    known = {secret for secret in secrets if len(secret) >= MIN_LENGTH}
    forms = known | {quote(secret, safe="") for secret in known}
    if not forms:
        return text
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.sub("|".join(map(re.escape, longest_first)), HIDDEN, text)


def _hide_named(text: str) -> str:
    pieces = []
    position = 0
    while found := _NAME.search(text, position):
        pieces.append(text[position : found.end()])
        position = found.end()
        value = _value(text, found)
        if value is not None and value.end() > position:
            pieces.append(HIDDEN)
            position = value.end()
    return "".join([*pieces, text[position:]])


def _value(text: str, found: re.Match[str]) -> re.Match[str] | None:
    """Return the match of the value of a name if the name indicates a secret."""
    name, equals = found["name"].lower(), found["equals"].strip(" \t\"'").lower()
    before = text[max(found.start() - 1, 0) : found.start()]
    if equals == "%3d":
        return _IN_QUOTED_URL.match(text, found.end()) if _has(name, _URL_WORDS) else None
    if equals == "=" and before in {"?", "&", ";", "#"}:
        return _IN_URL.match(text, found.end()) if _has(name, _URL_WORDS + _WORDS) else None
    is_variable = found["name"].isupper() and equals == "=" and is_secret_name(found["name"])
    if not (_has(name, _WORDS) or is_variable):
        return None
    if found["equals"][0] in {'"', "'"} and (quoted := _QUOTED.match(text, found.end())):
        return quoted
    return (_LINE if name in _HEADERS else _SHELL_WORD).match(text, found.end())


def _has(name: str, words: tuple[str, ...]) -> bool:
    return any(word in name for word in words)
