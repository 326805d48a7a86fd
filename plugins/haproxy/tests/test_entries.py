"""Keys and values of the map."""

import re
from base64 import urlsafe_b64decode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plughub.names import quote_path
from plughub_haproxy.entries import MAX_VALUE_BYTES, Entry, key_of, read_value

NAMES = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab|% \n"), inner, max_size=3),
    max_leaves=5,
)


def entry(**changes) -> Entry:
    fields = {
        "routespec": "/user/alice/",
        "target": "http://127.0.0.1:1",
        "data": {"user": "alice"},
        "more_targets": (),
        "addresses": (("127.0.0.1", 1),),
    }
    return Entry(**{**fields, **changes})


@given(NAMES)
def test_a_key_is_plain_ascii_whatever_the_name(name):
    assert re.fullmatch(r"[A-Za-z0-9._~%-]+", key_of(f"/user/{quote_path(name)}/"))


@given(NAMES)
def test_every_escaping_of_a_name_has_the_same_key(name):
    fully = "".join(f"%{byte:02x}" for byte in name.encode())

    assert (
        key_of(f"/user/{fully}/") == key_of(f"/user/{quote_path(name)}/") == key_of(f"/user/{quote(name)}/")
    )


@given(NAMES, NAMES)
def test_a_key_is_a_prefix_of_another_only_when_the_names_are_equal(one, other):
    keys = [key_of(f"/user/{quote_path(name)}/") for name in (one, other)]

    assert keys[1].startswith(keys[0]) == (one == other)


def test_the_host_of_a_route_is_compared_without_case():
    assert key_of("Alice.Hub.Example/user/Alice/") == key_of("alice.hub.example/user/Alice/")
    assert key_of("hub.example/a/") != key_of("/hub.example/a/")


@given(st.dictionaries(st.text("ab|% \n"), JSON, max_size=3))
def test_a_value_can_be_read_back_and_is_one_word(data):
    made = entry(data=data, more_targets=("http://[::1]:2",), addresses=(("127.0.0.1", 1), ("::1", 2)))

    assert read_value(made.value) == made
    assert not re.search(r"\s|;|<", made.value)


def test_a_value_of_an_earlier_version_can_be_read():
    made = entry(data={"user": "a b|%"})
    backend, ip, port, key, text, *rest = made.value.split("|")
    before = quote(urlsafe_b64decode(text), safe="")
    assert read_value("|".join([backend, ip, port, key, before, *rest])) == made


@pytest.mark.parametrize("value", ["", "x", "direct|1.2.3.4|5|abc|%7B", "a|b|c|d|%5B%5D", "1|2"])
def test_a_value_of_another_program_is_ignored(value):
    assert read_value(value) is None


def test_too_much_data_is_refused():
    with pytest.raises(ValueError, match="longer than"):
        _ = entry(data={"x": "y" * MAX_VALUE_BYTES}).value
