import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.errors import InvalidError
from plughub.domain.tokens import (
    GENERATED_ROUNDS,
    GIVEN_ROUNDS,
    MAX_TOKEN_LENGTH,
    check_given_token,
    compare_token,
    hash_token,
    new_oauth_token,
    new_share_code,
    new_token,
    token_prefix,
)

# made with the `hash_token` of JupyterHub 6.1.1
STORED = [
    (
        "a" * 32,
        (
            "sha512:1:0123456789abcdef:c8019c361f6ba96fa73b13d3929f735c235119b384eaf91201af94ab1f934c55"
            "c79a96587372d858663bf71d43671957163699029509246090f0cbe97a03e61f"
        ),
    ),
    (
        "super-secret-token",
        (
            "sha512:16384:fedcba9876543210:1edc0a8c048fcbe92f1cc89ea2ba652c0ff42232254c2bfa739a7f01a7a159fb"
            "2730475037a397dd13f7e5289512b671915387e9edaa260ce640946405ca5bf1"
        ),
    ),
    (
        "grüße-ünïcode",
        (
            "sha512:3:00112233aabbccdd:54c15351b08afd09d81b6279affe843c90fee6098cdb773a8e5576be8a435423"
            "a56b9d5fdee44470257596432a3942f6852154f62a44ae83d6cfb9952e3c7c0f"
        ),
    ),
    (
        "x" * 64,
        (
            "sha512:1:cafecafecafecafe:4ba40db4128715a2e189158f4a7fa02d29c30c3c6f9e693ec3f96396f4d54d9c"
            "bc6c8e20a3c3e91241e0f45143625e0b6f7badf75f728dfacecc6f6427ca4a98"
        ),
    ),
    (
        "oauth-client-secret",
        (
            "sha512:16384:0011223344556677:a84c0dfd1c488cbe2ba7c70c504c21e666be17a5665bcb580957b001ab1483f1"
            "bfca100a699397f92e4eb20d2bef8c3c803c6e177ed17e428f3aa649ad3e3592"
        ),
    ),
    ("legacy", "sha256:5:abc:c7c4c5690583220f7091795c690a50cf5d0d93f98825691e9f9da87c8d6812fa"),
]


@pytest.mark.parametrize(("token", "hashed"), STORED)
def test_a_token_of_an_existing_database_keeps_working(token: str, hashed: str) -> None:
    assert compare_token(token, hashed)
    assert not compare_token(token[:-1] + "z", hashed)


@pytest.mark.parametrize(("token", "hashed"), STORED)
def test_hashing_again_gives_what_is_stored(token: str, hashed: str) -> None:
    algorithm, rounds, salt, _ = hashed.split(":")
    assert hash_token(token, rounds=int(rounds), salt=salt, algorithm=algorithm) == hashed


@given(st.text(min_size=1, max_size=MAX_TOKEN_LENGTH), st.integers(1, 20))
def test_a_hashed_token_is_recognised(token: str, rounds: int) -> None:
    assert compare_token(token, hash_token(token, rounds=rounds))


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_only_the_same_token_is_recognised(token: str, other: str) -> None:
    assert compare_token(other, hash_token(token, rounds=1)) == (other == token)


def test_a_new_hash_has_the_stored_form() -> None:
    assert re.fullmatch(
        r"sha512:1:[0-9a-f]{16}:[0-9a-f]{128}", hash_token(new_token(), rounds=GENERATED_ROUNDS)
    )
    assert re.fullmatch(r"sha512:16384:[0-9a-f]{16}:[0-9a-f]{128}", hash_token("chosen-by-me"))
    assert GIVEN_ROUNDS == 16384


def test_two_hashes_of_one_token_have_different_salts() -> None:
    assert hash_token("same-token", rounds=1) != hash_token("same-token", rounds=1)


def test_a_token_that_is_too_long_is_never_hashed() -> None:
    long = "x" * (MAX_TOKEN_LENGTH + 1)
    with pytest.raises(InvalidError, match="at most 64 characters"):
        hash_token(long)
    # with so many rounds, hashing would take longer than the test may
    assert not compare_token(long, f"sha512:{10**12}:aa:bb")


@pytest.mark.parametrize(
    "hashed",
    [
        "",
        ":::",
        "sha512:1:aa",
        "sha512:x:aa:bb",
        "sha512:²:aa:bb",
        "sha512:1::bb",
        "shake_128:1:aa:bb",
        "secret",
    ],
)
def test_an_unreadable_hash_matches_nothing(hashed: str) -> None:
    assert not compare_token("secret", hashed)


def test_new_tokens_have_the_forms_that_clients_expect() -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", new_token())
    assert re.fullmatch(r"[A-Za-z0-9]{30}", new_oauth_token())
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", new_share_code())


def test_new_tokens_differ() -> None:
    for make in (new_token, new_oauth_token, new_share_code):
        assert len({make() for _ in range(100)}) == 100


def test_a_token_is_looked_up_by_its_first_four_characters() -> None:
    assert token_prefix("abcdefgh") == "abcd"


@pytest.mark.parametrize("token", ["short12", "x" * 65, ""])
def test_a_given_token_of_the_wrong_length_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(InvalidError, match=f"this one has {len(token)}$"):
        check_given_token(token)


def test_a_given_token_of_eight_characters_is_good() -> None:
    assert check_given_token("12345678") == "12345678"
