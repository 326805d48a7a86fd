"""Options of a start: the part of JSON Schema that a form can show, and the values that it allows."""

from __future__ import annotations

import pytest

from plughub.domain.option_fields import OptionError, read_fields

STACK = {"oneOf": [{"const": "base", "title": "Base"}, {"const": "r", "title": "R"}], "title": "Stack"}
TAG = {"type": "string", "pattern": "[a-z]+:[0-9]+", "patternMessage": "must be name:tag", "title": "Other"}


def field_of(schema, *, required=False):
    (field,) = read_fields({"properties": {"x": schema}, "required": ["x"] if required else []})
    return field


VALUES = [
    ({"type": "integer", "minimum": 1, "maximum": 8}, ["4"], 4),
    ({"type": "number"}, ["0.5"], 0.5),
    ({"type": "number", "multipleOf": 0.1}, ["0.3"], 0.3),
    ({"type": "string"}, [" a b "], " a b "),
    ({"type": "string"}, [""], None),
    ({"type": "integer"}, [], None),
    ({"type": "boolean"}, ["on"], True),
    ({"type": "boolean"}, [], False),
    (STACK, ["r"], "r"),
    ({"type": "integer", "enum": [1, 2]}, ["2"], 2),
    ({"type": "array", "items": {"enum": ["a", "b"]}}, ["b", "a", "b"], ["b", "a"]),
    ({"anyOf": [STACK, TAG]}, ["r"], "r"),
    ({"anyOf": [STACK, TAG]}, ["own:1"], "own:1"),
]


@pytest.mark.parametrize(("schema", "texts", "value"), VALUES)
def test_texts_of_a_form_become_typed_values(schema, texts, value) -> None:
    field = field_of(schema)
    parsed = field.parse(texts, is_form=True)
    assert (parsed, type(parsed)) == (value, type(value))
    assert value is None or field.check(value) == value


REFUSED = [
    ({"type": "integer", "minimum": 1}, "0", "x: must be at least 1"),
    ({"type": "integer", "maximum": 8}, "9", "x: must be at most 8"),
    ({"type": "integer"}, "1.5", "must be a whole number"),
    ({"type": "number"}, "nan", "must be a number"),
    ({"type": "number", "multipleOf": 0.5}, "0.7", "must be a multiple of 0.5"),
    ({"type": "string", "maxLength": 2}, "abc", "must have at most 2 characters"),
    ({"type": "string", "pattern": "[a-z]+"}, "a\n", "does not have the required form"),
    (STACK, "q", "Stack: there is no choice 'q'; available: Base, R"),
    ({"anyOf": [STACK, TAG]}, "own", "x: must be name:tag"),
    ({"type": "boolean"}, "maybe", "must be yes or no"),
    ({"type": "array", "items": {"enum": ["a"]}}, "b", "there is no choice 'b'"),
    ({"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2}, "a", "choose at least 2"),
]


@pytest.mark.parametrize(("schema", "text", "message"), REFUSED)
def test_a_value_outside_the_schema_is_refused_with_the_name_of_the_field(schema, text, message) -> None:
    with pytest.raises(OptionError, match=message.replace("?", r"\?")) as refusal:
        field_of(schema).parse([text], is_form=True)
    assert refusal.value.field == "x"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, True),
        ({"type": "integer"}, "4"),
        ({"type": "string"}, 4),
        ({"type": "string"}, ["a"]),
        ({"type": "boolean"}, 1),
        ({"type": "integer", "enum": [1]}, True),
        ({"type": "array", "items": {"enum": ["a"]}}, "a"),
        ({"type": "string"}, {"a": 1}),
        ({"type": "number"}, float("inf")),
    ],
)
def test_a_value_from_the_api_must_have_the_type(schema, value) -> None:
    with pytest.raises(OptionError):
        field_of(schema).check(value)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"properties": {"x": {"type": "object"}}}, "use one of the types"),
        (
            {"properties": {"x": {"type": "array", "items": {"type": "string"}}}},
            "an array needs listed items",
        ),
        ({"properties": {"x": {"type": "string", "minimun": 1}}}, "unsupported keywords: minimun"),
        (
            {"properties": {"x": {"type": "integer", "default": 9, "maximum": 8}}},
            "default: x: must be at most 8",
        ),
        ({"properties": {}, "required": ["y"]}, "required, but not among the properties: y"),
        ({"allOf": []}, "unsupported keywords of the schema: allOf"),
    ],
)
def test_a_schema_that_a_form_cannot_show_is_refused(schema, message) -> None:
    with pytest.raises(ValueError, match=message):
        read_fields(schema)


def test_values_are_described_with_their_titles() -> None:
    assert field_of(STACK).describe("r") == "R"
    assert field_of({"type": "array", "items": STACK}).describe(["r", "base"]) == "R, Base"
    assert field_of({"type": "boolean"}).describe(False) == "no"
