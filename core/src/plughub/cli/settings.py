"""Settings on the command line: ``--Class.name=value``."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any, Final

from traitlets.config.loader import DeferredConfigString

from plughub.domain.errors import StartError

_SETTING: Final = re.compile(r"--(?P<section>[A-Z]\w*)\.(?P<name>\w+)(?:=(?P<value>.*))?", re.DOTALL)

_LITERALS: Final = (list, tuple, set, dict, bytes)


def split_settings(arguments: Sequence[str]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Separate settings from the other arguments.

    Returns:
        The settings by class and name, and the other arguments.

    Raises:
        StartError: a setting has no value.
    """
    settings: dict[str, dict[str, Any]] = {}
    rest = []
    for argument in arguments:
        match = _SETTING.fullmatch(argument)
        if match is None:
            rest.append(argument)
        elif match["value"] is None:
            raise StartError(f"{argument} has no value: write {argument}=value")
        else:
            settings.setdefault(match["section"], {})[match["name"]] = _value(match["value"])
    return settings, rest


def _value(text: str) -> Any:
    """Parse lists, tuples, sets, dictionaries and bytes; leave any other text for the trait to parse."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = None
    return value if isinstance(value, _LITERALS) else DeferredConfigString(text)
