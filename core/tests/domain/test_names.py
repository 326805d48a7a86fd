import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from plughub.domain.errors import InvalidError
from plughub.domain.names import (
    MAX_USERNAME,
    check_display_name,
    check_server_name,
    check_username,
    escape,
    normalize_username,
    quote_path,
    shorten,
    unique_name,
)

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
close_names = st.text("aA-b_.é", max_size=6)
server_names = st.from_regex(r"[a-z](?:-?[a-z0-9]){0,9}", fullmatch=True) | st.just("")


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        ("Alice", "alice"),
        ("alice ", "alice"),
        ("Ａｌｉｃｅ", "alice"),
        ("\talice\n", "alice"),
        ("ﬁona", "fiona"),
    ],
)
def test_all_spellings_of_a_username_are_one_name(typed: str, known: str) -> None:
    assert normalize_username(typed) == known


@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing_more(typed: str) -> None:
    once = normalize_username(typed)
    assert normalize_username(once) == once


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("a/b", "slash"),
        ("a\nb", "control character"),
        ("a\u202eb", "control character"),
        (".", "dots only"),
        ("..", "dots only"),
        ("%2e%2e", "dots only"),
        (" alice", "space"),
        ("x" * (MAX_USERNAME + 1), "longer than 255"),
        ("名" * 101, "too long for a URL"),
    ],
)
def test_a_name_that_no_user_can_have_is_refused(name: str, reason: str) -> None:
    with pytest.raises(InvalidError, match=reason):
        check_username(name)


@pytest.mark.parametrize(
    "name", ["alice", "alice@example.org", "müller", "a b", "x" * MAX_USERNAME, "名" * 100, "a..b"]
)
def test_a_name_that_a_user_can_have_is_good(name: str) -> None:
    assert check_username(name) == name


def test_the_whole_name_must_match_the_pattern() -> None:
    assert check_username("alice", "[a-z]+") == "alice"
    with pytest.raises(InvalidError, match="does not match"):
        check_username("alice1", "[a-z]+")


def test_an_enormous_name_is_shortened_in_the_message() -> None:
    with pytest.raises(InvalidError) as caught:
        check_username("x\n" * 5_000_000)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a", "lab", "gpu-1", "a" * 30])
def test_a_valid_server_name_is_accepted(name: str) -> None:
    assert check_server_name(name) == name


@pytest.mark.parametrize("name", ["1a", "a-", "-a", "a--b", "A", "a_b", "a" * 31, "a\n", "é", "a/b"])
def test_a_bad_server_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidError, match="invalid server name"):
        check_server_name(name)


def test_a_display_name_is_brought_to_its_normal_form() -> None:
    assert check_display_name("  My   cafe\u0301 ") == "My café"


@pytest.mark.parametrize("name", ["x" * 256, "a\nb", "a\x00"])
def test_a_bad_display_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidError):
        check_display_name(name)


@given(names)
def test_an_escaped_name_can_be_read_back(name: str) -> None:
    encoded = re.sub(
        rb"-([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), escape(name).encode()
    )
    assert encoded.decode() == name


@given(names)
def test_an_escaped_name_has_safe_characters_only(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]*", escape(name))


@given(close_names, close_names)
def test_no_two_names_are_escaped_to_one(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


def test_the_mark_is_escaped_even_where_it_is_called_safe() -> None:
    assert escape("a-b", safe=frozenset("ab-")) == "a-2db"


@given(close_names, server_names, close_names, server_names)
@example("user-a", "b", "user", "a-b")
@example("user", "a", "user--a", "")
@example("user--61", "", "user", "61")
@example("aé", "", "a", "c3-a9")
def test_no_two_servers_share_a_name(user: str, server: str, user2: str, server2: str) -> None:
    same = (user, server) == (user2, server2)
    assert (unique_name(user, server) == unique_name(user2, server2)) == same


@given(names, names, st.integers(30, 64))
def test_a_unique_name_respects_its_maximum_length(user: str, server: str, bound: int) -> None:
    assert len(unique_name(user * 5, server, max_length=bound)) <= bound


@given(close_names, close_names, close_names, close_names)
def test_no_two_servers_share_a_cut_name(user: str, server: str, user2: str, server2: str) -> None:
    assume((user, server) != (user2, server2))
    common = "u" * 40
    assert unique_name(common + user, server, max_length=40) != unique_name(
        common + user2, server2, max_length=40
    )


@given(close_names, server_names)
def test_a_cut_name_is_never_that_of_a_short_one(user: str, server: str) -> None:
    cut = unique_name("u" * 60, "", max_length=40)
    assert unique_name(user, server, max_length=40) != cut
    # nor can a name be chosen that equals the shortened one
    assert unique_name(cut, "", max_length=0) != cut


@given(names)
def test_a_name_in_a_path_is_one_segment(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.\-~%@]*", quote_path(name))


@given(st.text(max_size=3000))
def test_a_shortened_text_is_one_short_line(text: str) -> None:
    assert len(shorten(text).splitlines()) <= 1
    assert len(shorten(text)) < 400
