"""Options of a start as form fields, read from the part of JSON Schema that a form can show."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.domain.words import _

TYPES: Final = frozenset({"string", "integer", "number", "boolean", "array"})
LONGEST_TEXT: Final = 4096
"""Characters of a text without ``maxLength``."""
UNLISTED: Final = "--unlisted-choice"
"""Suffix of the form field for a text beside the listed choices, as in KubeSpawner."""
TRUE: Final = frozenset({"on", "true", "yes", "1"})
FALSE: Final = frozenset({"", "off", "false", "no", "0"})
_KEYWORDS: Final = frozenset(
    {
        *("type", "title", "description", "default", "examples", "format"),
        *("enum", "oneOf", "anyOf", "items", "uniqueItems", "maxItems", "minItems"),
        *("minimum", "maximum", "multipleOf", "pattern", "patternMessage", "minLength", "maxLength"),
    }
)


class OptionError(InvalidError):
    """An option has an invalid value.

    Args:
        field: name of the option.
        message: what is wrong, for the user.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class OptionChoice:
    """One of the values between which a user chooses.

    Attributes:
        value: the value, as it is stored.
        title: its name for users.
    """

    value: Any
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionField:
    """Field of a start form.

    Attributes:
        name: key of the option.
        title: label.
        description: one sentence below the field.
        type: type in JSON Schema; ``array`` for several of the choices.
        choices: the listed values; empty for a free value.
        unlisted: label of a text field beside the listed values; empty for none.
        default: value of a field that the user leaves alone; None for none.
        required: whether there must be a value.
        minimum: smallest number; None for any.
        maximum: largest number; None for any.
        step: numbers are multiples of it; None for any.
        pattern: regular expression that the whole text matches; empty for any.
        pattern_message: what to tell users whose text does not match.
        min_length: characters or items at least.
        max_length: characters or items at most.
        is_long: whether the text has several lines.
    """

    name: str
    title: str
    description: str = ""
    type: str = "string"
    choices: tuple[OptionChoice, ...] = ()
    unlisted: str = ""
    default: Any = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    pattern: str = ""
    pattern_message: str = ""
    min_length: int = 0
    max_length: int = LONGEST_TEXT
    is_long: bool = False

    def parse(self, texts: Sequence[Any], *, is_form: bool) -> Any:
        """Convert the texts of a form or link to a checked value.

        Args:
            texts: the texts of the field.
            is_form: a form was submitted, in which an unchecked box is missing.

        Returns:
            The value; None if there is none.

        Raises:
            OptionError: the value is invalid.
        """
        if self.type == "array":
            values = [self._listed(text) for text in texts if text != ""]
            return self.check(values) if values or is_form else None
        text = texts[-1] if texts else ""
        if self.type == "boolean":
            return self._truth(text) if texts or is_form else None
        if not isinstance(text, str):
            raise self._error(_("%(field)s: must not be a file", field=self.title))
        if text.strip() == "":
            return None
        return self.check(self._listed(text) if self.choices else self._number(text))

    def check(self, value: Any) -> Any:
        """Return a value that the schema allows.

        Raises:
            OptionError: it does not.
        """
        if self.type == "array":
            return self._check_items(value)
        if any(_is_same(value, choice.value) for choice in self.choices):
            return value
        if self.choices and not self.unlisted:
            known = ", ".join(choice.title for choice in self.choices)
            raise self._error(
                _(
                    "%(field)s: there is no choice %(value)s; available: %(known)s",
                    field=self.title,
                    value=shorten(str(value)),
                    known=known,
                )
            )
        if self.type == "boolean":
            if not isinstance(value, bool):
                raise self._error(_("%(field)s: must be true or false", field=self.title))
            return value
        return self._check_text(value) if self.type == "string" else self._check_number(value)

    def describe(self, value: Any) -> str:
        """Return a value as users read it."""
        if isinstance(value, list | tuple):
            return ", ".join(self.describe(item) for item in value)
        if isinstance(value, bool) and self.type == "boolean":
            return _("yes") if value else _("no")
        return next((choice.title for choice in self.choices if _is_same(choice.value, value)), str(value))

    def _error(self, message: str) -> OptionError:
        return OptionError(self.name, message)

    def _not_a_number(self) -> OptionError:
        if self.type == "integer":
            return self._error(_("%(field)s: must be a whole number", field=self.title))
        return self._error(_("%(field)s: must be a number", field=self.title))

    def _listed(self, text: Any) -> Any:
        """Return the listed value that a form sends as this text, else the text."""
        return next((choice.value for choice in self.choices if str(choice.value) == text), text)

    def _truth(self, text: Any) -> bool:
        word = str(text).lower()
        if word not in TRUE | FALSE:
            raise self._error(_("%(field)s: must be yes or no", field=self.title))
        return word in TRUE

    def _number(self, text: str) -> Any:
        if self.type == "string":
            return text
        try:
            return int(text) if self.type == "integer" else float(text)
        except ValueError:
            raise self._not_a_number() from None

    def _check_items(self, value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise self._error(_("%(field)s: must be a list", field=self.title))
        listed = [choice.value for choice in self.choices]
        for item in value:
            if not any(_is_same(item, known) for known in listed):
                raise self._error(
                    _("%(field)s: there is no choice %(value)s", field=self.title, value=shorten(str(item)))
                )
        unique = [item for index, item in enumerate(value) if item not in value[:index]]
        if len(unique) < self.min_length:
            raise self._error(
                _("%(field)s: choose at least %(least)d", field=self.title, least=self.min_length)
            )
        if len(unique) > self.max_length:
            raise self._error(_("%(field)s: choose at most %(most)d", field=self.title, most=self.max_length))
        return unique

    def _check_text(self, value: Any) -> str:
        if not isinstance(value, str):
            raise self._error(_("%(field)s: must be a text", field=self.title))
        if len(value) < self.min_length:
            raise self._error(
                _(
                    "%(field)s: must have at least %(least)d characters",
                    field=self.title,
                    least=self.min_length,
                )
            )
        if len(value) > self.max_length:
            raise self._error(
                _("%(field)s: must have at most %(most)d characters", field=self.title, most=self.max_length)
            )
        if self.pattern and re.fullmatch(self.pattern, value) is None:
            message = _("%(field)s: does not have the required form", field=self.title)
            raise self._error(f"{self.title}: {self.pattern_message}" if self.pattern_message else message)
        return value

    def _check_number(self, value: Any) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or (self.type == "integer" and value != int(value)):
            raise self._not_a_number()
        if self.minimum is not None and value < self.minimum:
            raise self._error(
                _("%(field)s: must be at least %(least)g", field=self.title, least=self.minimum)
            )
        if self.maximum is not None and value > self.maximum:
            raise self._error(_("%(field)s: must be at most %(most)g", field=self.title, most=self.maximum))
        if self.step and not math.isclose(value / self.step, round(value / self.step), abs_tol=1e-9):
            raise self._error(
                _("%(field)s: must be a multiple of %(step)g", field=self.title, step=self.step)
            )
        return int(value) if self.type == "integer" else value


def read_fields(schema: Mapping[str, Any]) -> tuple[OptionField, ...]:
    """Return the fields of a JSON Schema of type ``object``.

    Args:
        schema: ``properties`` of the types string, integer, number, boolean, and array of listed values.

    Raises:
        ValueError: it uses what a form cannot show.
    """
    if not schema:
        return ()
    if unknown := set(schema) - {"type", "properties", "required", "title", "description", "$schema"}:
        raise ValueError(f"unsupported keywords of the schema: {', '.join(sorted(unknown))}")
    properties = schema.get("properties", {})
    required = schema.get("required", ())
    if schema.get("type", "object") != "object" or not isinstance(properties, Mapping):
        raise ValueError("the schema must have the type 'object' and a mapping 'properties'")
    if missing := set(required) - set(properties):
        raise ValueError(f"required, but not among the properties: {', '.join(sorted(missing))}")
    return tuple(_field(str(name), one, required=name in required) for name, one in properties.items())


def _field(name: str, schema: Any, *, required: bool) -> OptionField:
    if not isinstance(schema, Mapping):
        raise TypeError(f"property {name!r} must be a mapping")
    if unknown := set(schema) - _KEYWORDS:
        raise ValueError(f"property {name!r}: unsupported keywords: {', '.join(sorted(unknown))}")
    listed, free = _alternatives(name, schema)
    kind = schema.get("type", "string")
    choices = _choices(schema.get("items", {}) if kind == "array" else listed)
    if kind not in TYPES or (kind == "array" and not choices):
        raise ValueError(
            f"property {name!r}: use one of the types {', '.join(sorted(TYPES))}; an array needs listed items"
        )
    source = free or schema
    re.compile(pattern := str(source.get("pattern", "")))
    size = "Items" if kind == "array" else "Length"
    field = OptionField(
        name=name,
        title=str(schema.get("title", name)),
        description=str(schema.get("description", "")),
        type=kind,
        choices=choices,
        unlisted=str(free.get("title", "Other")) if free else "",
        required=required,
        minimum=schema.get("minimum"),
        maximum=schema.get("maximum"),
        step=schema.get("multipleOf") or (1 if kind == "integer" else None),
        pattern=pattern,
        pattern_message=str(source.get("patternMessage", "")),
        min_length=int(source.get(f"min{size}", 0)),
        max_length=int(source.get(f"max{size}", LONGEST_TEXT)),
        is_long=schema.get("format") == "textarea",
    )
    return _with_default(field, schema)


def _with_default(field: OptionField, schema: Mapping[str, Any]) -> OptionField:
    default = schema.get("default")
    if default is None:
        return field
    try:
        return replace(field, default=field.check(default))
    except OptionError as error:
        raise ValueError(f"property {field.name!r}: default: {error.message}") from error


def _alternatives(name: str, schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the part of a schema that lists values, and the one that allows another text."""
    both = schema.get("anyOf")
    if both is None:
        return schema, {}
    listed = [part for part in both if "oneOf" in part or "enum" in part]
    free = [part for part in both if part not in listed]
    if len(listed) != 1 or len(free) != 1:
        raise ValueError(f"property {name!r}: anyOf must hold one list of choices and one text")
    return listed[0], free[0]


def _choices(schema: Mapping[str, Any]) -> tuple[OptionChoice, ...]:
    if "oneOf" in schema:
        return tuple(
            OptionChoice(part["const"], str(part.get("title", part["const"]))) for part in schema["oneOf"]
        )
    return tuple(OptionChoice(value, str(value)) for value in schema.get("enum", ()))


def _is_same(value: Any, other: Any) -> bool:
    """Return whether two values are equal in JSON, where true is not 1."""
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)
