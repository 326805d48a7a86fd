"""Texts for users that are translated when they are displayed.

A text is English wherever it is stored, logged or compared. Pages and error responses show it in the language
of the reader, who may be another user than the one whose request created it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self


class Text(str):
    """English text that remembers how to be translated.

    Attributes:
        message: the message of the catalogue, with named placeholders such as ``%(name)s``.
        plural: the message for numbers other than one; empty if the text counts nothing.
        values: values of the placeholders; ``num`` is the number of a counting text.
    """

    __slots__ = ("message", "plural", "values")

    message: str
    plural: str
    values: Mapping[str, Any]

    def __new__(cls, message: str, plural: str = "", values: Mapping[str, Any] | None = None) -> Self:
        """Fill in the placeholders of the English message."""
        values = values or {}
        english = plural if plural and values["num"] != 1 else message
        text = super().__new__(cls, english % values if values else english)
        text.message, text.plural, text.values = message, plural, values
        return text

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.message, self.plural, self.values)


def _(message: str, /, **values: Any) -> Text:
    """Return a text to translate when it is displayed.

    Args:
        message: the English message, a literal, so that the catalogue finds it.
        values: values of placeholders such as ``%(name)s``. Without values, ``%`` needs no escape.
    """
    return Text(message, values=values)


def ngettext(one: str, many: str, num: int, /, **values: Any) -> Text:
    """Return a text that depends on a number.

    Args:
        one: the English message for one.
        many: the English message for other numbers; both may contain ``%(num)d``.
        num: the number.
        values: values of further placeholders.
    """
    return Text(one, many, {**values, "num": num})
