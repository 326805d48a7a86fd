"""JSON that is stored for users is small and plain, whatever they send."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.errors import InvalidError, TooLargeError
from plughub.domain.plain_json import MAX_DEPTH, MAX_JSON, plain_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def nested(depth):
    return json.loads("[" * depth + "]" * depth)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_accepted_values_are_restored_unchanged_and_all_others_are_refused(value):
    try:
        found = plain_json(value, "options")
    except InvalidError:
        return
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert plain_json(found, "options") == found


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"key_file": [{"body": b"abc"}]}, "must not contain a file"),
        ({"a": {"b": object()}}, "must not contain a value of type object"),
        ({"a": float("nan")}, "valid JSON"),
        ({"a": float("inf")}, "valid JSON"),
        ({"a": "\ud800"}, "valid JSON"),
        ({("a", "b"): 1}, "valid JSON"),
        ({"a": ["x\0"]}, "null character"),
        ({"a": {"x\0": 1}}, "null character"),
        ({"a": nested(MAX_DEPTH)}, "nested deeper"),
        ({"a": {"__jupyterhub_bytes__": True, "data": "eA=="}}, "reserved"),
        ({"__jupyterhub_bytes__": True}, "reserved"),
    ],
)
def test_values_that_json_cannot_represent_are_refused(value, said):
    with pytest.raises(InvalidError, match=said):
        plain_json(value, "the options")


def test_the_limit_is_of_the_text_in_bytes():
    longest = {"a": "x" * (MAX_JSON - len('{"a": ""}'))}
    assert plain_json(longest, "options") == longest
    with pytest.raises(TooLargeError, match="64 KiB"):
        plain_json({"a": longest["a"] + "x"}, "options")
    with pytest.raises(TooLargeError):
        plain_json({"a": "ä" * (MAX_JSON // 2)}, "options")


def test_the_allowed_depth_is_accepted_and_a_greater_one_refused():
    deep = {"a": nested(MAX_DEPTH - 1)}
    assert plain_json(deep, "options") == deep
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(InvalidError):
        plain_json({"a": endless}, "options")


def test_sets_and_times_are_stored_as_json_has_them():
    at = datetime(2030, 1, 2, tzinfo=UTC)
    assert plain_json({"a": {"c", "b"}, "t": at, 1: 2}, "options") == {
        "a": ["b", "c"], "t": "2030-01-02T00:00:00+00:00", "1": 2,
    }  # fmt: skip
