"""Templates in settings: fields in braces are replaced by values of a server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_FIELD: Final = re.compile(r"\{\{(\w+)\}\}|\{(\w+)\}")
_NOT_A_TEMPLATE: Final = (LookupError, ValueError, AttributeError, TypeError)


def fill_in(value: Any, names: Mapping[str, Any], *, unescape: bool = True) -> Any:
    """Fill in the templates in a value; other braces stay unchanged.

    Args:
        value: a string, or lists and dictionaries of strings.
        names: values of the fields.
        unescape: a string in which all braces are known fields is formatted like `str.format`, where ``{{``
            is a literal brace. In any other string, only ``{{name}}`` of a known field becomes ``{name}``.
    """
    if isinstance(value, str):
        return _filled(value, names, unescape=unescape)
    if isinstance(value, Mapping):
        return {
            fill_in(key, names, unescape=unescape): fill_in(item, names, unescape=unescape)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(fill_in(item, names, unescape=unescape) for item in value)
    return value


def _filled(text: str, names: Mapping[str, Any], *, unescape: bool) -> str:
    if unescape:
        try:
            return text.format_map(names)
        except _NOT_A_TEMPLATE:
            pass

    def known(found: re.Match[str]) -> str:
        escaped, name = found.groups()
        if escaped:
            return f"{{{escaped}}}" if escaped in names else found[0]
        return str(names[name]) if name in names else found[0]

    return _FIELD.sub(known, text)


def fill_in_all(template: str, names: Mapping[str, Any]) -> str:
    """Fill in a template whose fields must all be known, such as the name of a container.

    Raises:
        ValueError: a field is unknown.
    """
    check_template(template, names)
    return template.format_map(names)


def check_template(template: str, names: Mapping[str, Any]) -> None:
    """Check that all fields of a template are known.

    Raises:
        ValueError: a field is unknown.
    """
    try:
        template.format_map(names)
    except _NOT_A_TEMPLATE as error:
        known = ", ".join(f"{{{name}}}" for name in names)
        why = f"{{{error.args[0]}}} is not known" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{template!r} cannot be filled in: {why}. Known fields: {known}") from error
