from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from plughub import utils


def test_every_name_that_plugins_import_exists() -> None:
    for name in utils.__all__:
        assert callable(getattr(utils, name))


def test_a_token_has_the_requested_length() -> None:
    assert re.fullmatch("[0-9a-f]{32}", utils.new_token())
    assert re.fullmatch("[0-9a-f]{9}", utils.new_token(9))
    assert re.fullmatch("[0-9a-f]{64}", utils.new_token(length=64, entropy=8))


@pytest.mark.parametrize("length", [-1, 0, 1025])
def test_a_token_of_an_impossible_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="1 to 1024"):
        utils.new_token(length)


def test_a_token_survives_the_database() -> None:
    token = utils.new_token()
    assert utils.compare_token(token, utils.hash_token(token))
    assert not utils.compare_token(utils.new_token(), utils.hash_token(token))


def test_a_salt_may_be_given_in_bytes_or_text() -> None:
    one = utils.hash_token("some-token", b"0123456789abcdef", 5)
    assert one == utils.hash_token("some-token", "0123456789abcdef", rounds=5)
    assert one.startswith("sha512:5:0123456789abcdef:")


def test_the_address_of_a_server_can_be_built() -> None:
    name = utils.url_escape_path("alice smith")
    assert utils.url_path_join("/hub", "user", name, utils.url_escape_path("my-server")) == (
        "/hub/user/alice%20smith/my-server"
    )


def test_time_is_in_utc_and_written_with_a_z() -> None:
    assert utils.utcnow().tzinfo is UTC
    assert utils.isoformat(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000000Z"
