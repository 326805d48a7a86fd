"""Sources of the secret that signs cookies."""

from __future__ import annotations

import base64
import secrets
import stat
from pathlib import Path

import pytest
from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.cookie_secret import BYTES, VARIABLE, cookie_secret
from plughub.domain.errors import StartError

SECRET = secrets.token_bytes(BYTES)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Path of the secret, which does not exist yet."""
    return tmp_path / "jupyterhub_cookie_secret"


def test_a_secret_is_created_for_the_hub_alone_and_reused(file: Path) -> None:
    made = cookie_secret(b"", file)
    assert len(made) == BYTES
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert cookie_secret(b"", file) == made


@pytest.mark.parametrize(
    "text",
    [SECRET.hex(), f"{SECRET.hex()}\n", base64.b64encode(SECRET).decode()],
    ids=["hexadecimal", "a line", "base64"],
)
def test_the_secret_of_jupyterhub_is_reused(file: Path, text: str) -> None:
    file.touch(0o600)
    file.write_text(text)
    assert cookie_secret(b"", file) == SECRET


def test_the_configuration_wins_over_the_environment_and_that_over_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie_secret(b"", file)
    monkeypatch.setenv(VARIABLE, SECRET.hex())
    assert cookie_secret(JupyterHub().cookie_secret, file) == SECRET
    assert cookie_secret(JupyterHub(cookie_secret=b"c" * BYTES).cookie_secret, file) == b"c" * BYTES
    monkeypatch.delenv(VARIABLE)
    assert JupyterHub().cookie_secret == b""


def test_an_invalid_environment_variable_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "not hexadecimal")
    with pytest.raises(StartError, match=VARIABLE) as raised:
        _ = JupyterHub().cookie_secret
    assert "not hexadecimal" not in str(raised.value.message)


@pytest.mark.parametrize("digits", [SECRET.hex(), SECRET.hex().upper()], ids=["lower case", "upper case"])
def test_hexadecimal_text_in_the_configuration_is_the_secret(digits: str) -> None:
    config = Config({"JupyterHub": {"cookie_secret": digits}})
    assert JupyterHub(config=config).cookie_secret == SECRET


@pytest.mark.parametrize("text", ["not hexadecimal", "abc"])
def test_other_text_in_the_configuration_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(StartError, match="cookie_secret must consist of hexadecimal digits") as raised:
        JupyterHub(cookie_secret=text)
    assert text not in raised.value.message
    assert raised.value.exit_code == 2
