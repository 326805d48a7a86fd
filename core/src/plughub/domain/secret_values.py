"""Removal of secrets from values of settings, such as commands and environments, before they are shown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import PurePath
from typing import Any, Final

from plughub.domain.secrets import HIDDEN, is_secret_name, scrub

_ENVIRONMENT: Final = re.compile(r"(?:^|_)env(?:ironment)?$", re.IGNORECASE)
"""Name of a mapping of environment variables."""
_AMOUNT: Final = re.compile(r"_(?:age|in|limit|max|seconds)(?:_|$)")
"""Name of a number that is no secret, such as ``token_limit_per_user``."""
_OPTION: Final = re.compile(r"--?(?P<name>[A-Za-z][\w.\-]*)")
_ASSIGNED: Final = re.compile(r"(?P<before>(?:--?)?(?P<name>[A-Za-z_][\w.\-]*)=)(?P<value>.+)", re.DOTALL)
_DATABASE_URL: Final = re.compile(
    r"(?P<before>(?<![\w+.\-])(?!https?:)[a-z][\w+.\-]*://[^\s/:@]*:).*@", re.DOTALL
)
"""URL of a database, whose password may contain ``/`` and ``@``."""
_USER_OF_URL: Final = re.compile(r"(?P<before>https?://)[^\s/:@?#]+@")
"""A URL with a user but no password: the user is often a token."""


def without_secrets(value: Any, name: str = "") -> Any:
    """Return a value for display, as plain values of JSON.

    Secrets are recognised by the names of settings, keys, options and variables, and as passwords in URLs. No
    value of an environment variable is shown, because any variable may hold a secret.

    Args:
        value: of a setting, or a part of it.
        name: of the setting or key; empty for an item of a list.

    Returns:
        The value, with ``[secret]`` in place of secrets. Objects that JSON cannot express are described.
    """
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return value
    if is_secret_name(name):
        return value if isinstance(value, int | float) and _AMOUNT.search(name) else HIDDEN
    if _ENVIRONMENT.search(name):
        return _environment(value)
    return _plain(value)


def shown_command(command: Sequence[str]) -> str:
    """Return a command as one line for a log, without secrets in its options and variables.

    Args:
        command: program and arguments.
    """
    return shlex.join(without_secrets(list(command)))


def _plain(value: Any) -> Any:
    """Return a value without secrets, regardless of its name."""
    if isinstance(value, Mapping):
        return {scrub(str(key)): without_secrets(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return _items(sorted(value, key=repr) if isinstance(value, set | frozenset) else value)
    if isinstance(value, int | float):
        return value
    return _text(value) if isinstance(value, str) else _described(value)


def _items(values: Iterable[Any]) -> list[Any]:
    """Return the items of a list, such as a command: the item after a secret option is hidden."""
    shown: list[Any] = []
    is_value = False
    for item in values:
        shown.append(HIDDEN if is_value else without_secrets(item))
        option = _OPTION.fullmatch(item) if isinstance(item, str) else None
        is_value = option is not None and is_secret_name(option["name"])
    return shown


def _environment(value: Any) -> Any:
    """Return an environment without values: a mapping, or a list of ``NAME=value`` or of names."""
    if isinstance(value, Mapping):
        return {str(key): HIDDEN for key in value}
    if isinstance(value, list | tuple | set | frozenset):
        return [_variable(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    return HIDDEN


def _variable(item: Any) -> Any:
    if isinstance(item, Mapping):  # as in Kubernetes: {"name": …, "value": …}
        return {str(key): item[key] if key == "name" else HIDDEN for key in item}
    name, equals, _ = str(item).partition("=")
    return f"{name}={HIDDEN}" if equals else name


def _text(text: str) -> str:
    assigned = _ASSIGNED.fullmatch(text)
    if assigned and is_secret_name(assigned["name"]):
        return f"{assigned['before']}{HIDDEN}"
    text = _DATABASE_URL.sub(rf"\g<before>{HIDDEN}@", text)
    return scrub(_USER_OF_URL.sub(rf"\g<before>{HIDDEN}@", text))


def _described(value: Any) -> str:
    """Describe an object by its type alone, because its text may contain secrets."""
    if isinstance(value, PurePath | date | timedelta):
        return str(value)
    if isinstance(value, bytes):
        return HIDDEN
    named = value if hasattr(value, "__qualname__") else type(value)
    text = f"{named.__module__}.{named.__qualname__}"
    return f"<{text}>" if named is value else f"<{text} object>"
