"""Normal form of paths, and recognition of all other spellings."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.errors import InvalidError
from plughub.domain.names import check_username, normalize_username, quote_path
from plughub.domain.oauth import server_client_id
from plughub.domain.paths import check_base_url, former_path, is_same_path, normal_path, respell, spellings
from plughub.domain.urls import safe_next, user_url
from plughub.testing.odd_names import ALL_SIGNS, ODD_NAMES

NAMES = st.sampled_from(ODD_NAMES) | st.text(
    st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1
)
JUPYTERHUB = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~@-"


def every_byte(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


@pytest.mark.parametrize("name", [*ODD_NAMES, ALL_SIGNS])
def test_unusual_names_are_valid_usernames(name: str) -> None:
    assert check_username(normalize_username(name)) == name


@given(NAMES)
def test_everything_is_escaped_that_jupyterhub_escapes(name: str) -> None:
    assert quote_path(name) == quote(name, safe="@~")
    assert re.fullmatch(rf"(?:[{JUPYTERHUB}]|%[0-9A-F]{{2}})+", quote_path(name))
    assert unquote(quote_path(name)) == name


@given(NAMES, NAMES)
def test_every_spelling_of_a_prefix_is_equal_and_equals_no_other_prefix(one: str, other: str) -> None:
    prefix = user_url("/", one, "lab")
    for spelling in (
        prefix,
        former_path(prefix),
        f"/user/{every_byte(one)}/l%61b/",
        f"/user/{quote(one)}/lab/",
    ):
        assert normal_path(spelling) == prefix
        assert respell(f"{spelling}tree/a%2fb;c?q=%2F/..", prefix) == f"{prefix}tree/a%2fb;c?q=%2F/.."
        assert respell(spelling[:-1], prefix) == prefix[:-1]
    assert {prefix, former_path(prefix)} == spellings(prefix) == spellings(former_path(prefix))
    assert is_same_path(prefix, user_url("/", other, "lab")) == (one == other)
    if one != other:
        theirs = f"/user/{every_byte(other)}/lab/tree"
        assert respell(theirs, prefix) == theirs


@given(st.text(max_size=30))
def test_an_encoded_slash_never_ends_a_segment(path: str) -> None:
    assert normal_path(path).count("/") == path.count("/")
    assert normal_path(normal_path(path)) == normal_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "/user%2Fann/x",
        "/user/ann%2Fx",
        "/user/ann%252Fx",
        "/user/ANN/x",
        "/user/annx/",
        "/user/./ann/x",
        "/user/bob/../ann/",
        "/user/bob/%2e%2e/ann/",
        "//user/ann/",
        "/user//ann/",
        "user/ann/",
        "/user",
        "*",
        "http://hub/user/ann/",
        "/x?/user/ann/",
        "",
    ],
)
def test_paths_outside_a_prefix_are_unchanged(path: str) -> None:
    assert respell(path, "/user/ann/") == path


@pytest.mark.parametrize(
    ("configured", "known"),
    [
        ("/", "/"),
        ("", "/"),
        ("jupyter", "/jupyter/"),
        ("/a/b", "/a/b/"),
        ("/@/space%20word/", "/@/space%20word/"),
        ("/space word/", "/space%20word/"),
        ("/über/", "/%C3%BCber/"),
        ("/%c3%bcber/", "/%C3%BCber/"),
        ("/it's/", "/it%27s/"),
        ("/100%25/", "/100%25/"),
        ("/100%/", "/100%25/"),
        ("/a+b(c)$*/", "/a%2Bb%28c%29%24%2A/"),
    ],
)
def test_a_base_url_has_one_spelling(configured: str, known: str) -> None:
    assert check_base_url(configured) == known
    assert check_base_url(known) == known


@pytest.mark.parametrize(
    ("configured", "why"),
    [
        ("/a?b/", "'?'"),
        ("/a#b/", "'#'"),
        ("/a\\b/", "backslash|\\\\"),
        ("/a%5Cb/", "backslash"),
        ("/a%2Fb/", "escaped slash"),
        ("/../", "dots only"),
        ("/a/%2e%2e/b/", "dots only"),
        ("/a//b/", "empty"),
        ("/a\nb/", "control character"),
        ("/a%00b/", "control character"),
        ("/%ff/", "not UTF-8"),
    ],
)
def test_a_base_url_that_cannot_work_is_refused(configured: str, why: str) -> None:
    with pytest.raises(InvalidError, match=why):
        check_base_url(configured)


@given(st.text(max_size=12))
def test_a_base_url_is_refused_or_brought_to_a_form_that_stays(path: str) -> None:
    try:
        known = check_base_url(path)
    except InvalidError:
        return
    assert check_base_url(known) == known
    assert re.fullmatch(rf"/|(?:/(?:[{JUPYTERHUB}]|%[0-9A-F]{{2}})+)+/", known)


def test_an_address_to_go_to_next_is_accepted_below_every_spelling_of_the_base_url() -> None:
    for sent in ("/it's/hub/home?a='", "/it%27s/hub/home?a='", "/%69t%27s/hub/home?a='"):
        assert safe_next(sent, "hub", "/it%27s/") == "/it%27s/hub/home?a='"
    assert safe_next("/it%2527s/hub/home", "hub", "/it%27s/") == ""
    assert safe_next("/it%27s%2F..%2Fx/hub/home", "hub", "/it%27s/") == ""


@given(NAMES, NAMES, st.integers(0, 1), st.integers(0, 1))
def test_no_two_servers_share_a_client_however_long_their_names_are(
    one: str, other: str, long: int, named: int
) -> None:
    names = [(f"{'é' * 60 * long}{name}", "lab" * named) for name in (one, other)]
    ids = [server_client_id(user, server) for user, server in names]
    assert (ids[0] == ids[1]) == (names[0] == names[1])
    assert all(re.fullmatch(r"[A-Za-z0-9_.~%!-]{1,255}", each) for each in ids)
    assert server_client_id(one, "") != server_client_id(one, "lab")
