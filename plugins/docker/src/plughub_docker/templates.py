"""Templates in settings: names in braces stand for what belongs to a server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_FIELD: Final = re.compile(r"\{\{(\w+)\}\}|\{(\w+)\}")
_NOT_A_TEMPLATE: Final = (LookupError, ValueError, AttributeError, TypeError)


def fill_in(value: Any, names: Mapping[str, Any], *, unescape: bool = True) -> Any:
    """Fill in templates, wherever they stand; braces that are no template stay as they are written.

    Args:
        value: a text, or lists and dictionaries with texts.
        names: what may stand in braces.
        unescape: a text in which all braces are templates is read as by `str.format`, where ``{{`` is a
            brace. In any other text, only ``{{name}}`` of a known name is ``{name}``.

    Returns:
        The same with all texts filled in.
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
    """Fill in a template in which every brace has to be known, such as the name of a container.

    Args:
        template: as for `str.format`.
        names: what may stand in braces.

    Returns:
        The text.

    Raises:
        ValueError: something else stands in braces.
    """
    check_template(template, names)
    return template.format_map(names)


def check_template(template: str, names: Mapping[str, Any]) -> None:
    """Check that a template has nothing in braces that is not known.

    Args:
        template: as for `str.format`.
        names: what may stand in braces.

    Raises:
        ValueError: it has.
    """
    try:
        template.format_map(names)
    except _NOT_A_TEMPLATE as error:
        known = ", ".join(f"{{{name}}}" for name in names)
        why = f"{{{error.args[0]}}} is not known" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{template!r} cannot be filled in: {why}. Known are {known}") from error
