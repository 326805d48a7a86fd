from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.errors import InvalidError
from plughub.domain.queries import add_query, escape_uri, filter_query, parameters

SENT = "a=1&a=2&b&c=&d=%20x%20&e=%C3%BC&f=%FF&g=1+2&h=a%26b&i=%2F&j=x;y&k='(!)*"


@pytest.mark.parametrize("dropped", ["&next=/x", "&next", "&n%65xt=y", "&&"])
def test_kept_arguments_are_unchanged(dropped):
    assert filter_query(SENT + dropped, "next".__eq__) == SENT


def test_bytes_beyond_ascii_are_escaped_and_not_read_in_another_encoding():
    raw = "/user/zoë?x=ü".encode().decode("latin-1")
    assert escape_uri(raw) == "/user/zo%C3%AB?x=%C3%BC"
    assert filter_query("x=ü&y=1".encode().decode("latin-1"), "y".__eq__) == "x=%C3%BC"


@pytest.mark.parametrize(
    ("url", "query", "full"),
    [
        ("/a", "", "/a"),
        ("/a", "b&c=", "/a?b&c="),
        ("/a?x=1", "b", "/a?x=1&b"),
        ("/a?x=1#end", "b=2", "/a?x=1&b=2#end"),
        ("https://h/a", "b&b", "https://h/a?b&b"),
        ("/a?b=1", "b=1&c=2", "/a?b=1&c=2"),
    ],
)
def test_a_query_is_added_to_that_of_the_address(url, query, full):
    assert add_query(url, query) == full


@pytest.mark.parametrize("query", ["a=%FF", "a=%00", "%FF", "a\x00=1"])
def test_undecodable_text_is_refused(query):
    with pytest.raises(InvalidError):
        parameters(query)


@given(st.lists(st.tuples(st.text(), st.text())))
def test_every_value_survives_a_round_trip(pairs):
    pairs = [(name, value) for name, value in pairs if "\0" not in name + value]
    query = filter_query(urlencode(pairs, errors="replace"), lambda _: False)
    assert parameters(query) == parse_qsl(query, keep_blank_values=True)
    assert filter_query(add_query("/x", query).partition("?")[2], lambda _: False) == query


@given(st.text(st.characters(max_codepoint=255)))
def test_no_query_leaves_the_address_or_breaks_its_header(text):
    url = add_query("/hub/home", filter_query(text, "next".__eq__))
    assert url.startswith("/hub/home")
    assert url.isascii()
    assert not any(ord(character) < 0x21 for character in url)
    assert "#" not in url
