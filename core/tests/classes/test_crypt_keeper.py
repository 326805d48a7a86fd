"""Encryption keys in all formats that JupyterHub accepts."""

import asyncio
import base64
import os
from threading import Barrier

import pytest
from traitlets import TraitError
from traitlets.config import Config

from plughub.app.auth_states import open_auth_states
from plughub.classes.crypt_keeper import CryptKeeper
from plughub.domain.errors import StartError
from plughub.services.settings import LoginPolicy

KEY = bytes(range(32))
SAVING = {"github": LoginPolicy(enable_auth_state=True), "": LoginPolicy()}


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    monkeypatch.delenv("JUPYTERHUB_CRYPT_KEY", raising=False)


@pytest.mark.parametrize(
    "given",
    [
        KEY,
        KEY.hex(),
        KEY.hex().encode(),
        base64.urlsafe_b64encode(KEY).decode(),
        base64.urlsafe_b64encode(KEY),
    ],
)
def test_a_key_is_bytes_hexadecimal_or_base64(given):
    assert CryptKeeper(keys=[given]).keys == [KEY]


def test_the_environment_holds_several_keys(monkeypatch):
    other = "0" * 64
    monkeypatch.setenv("JUPYTERHUB_CRYPT_KEY", f" {KEY.hex()} ;{other}; ")
    assert CryptKeeper().keys == [KEY, bytes(32)]
    assert CryptKeeper(config=Config({"CryptKeeper": {"keys": [other]}})).keys == [bytes(32)]
    assert CryptKeeper().n_threads >= 1


@pytest.mark.parametrize("bad", ["short", "z" * 64, "z" * 32 + "é", 7, None])
def test_an_invalid_key_is_refused_and_not_shown(bad):
    with pytest.raises(TraitError) as refused:
        CryptKeeper(keys=[bad])
    assert str(bad) not in str(refused.value) or bad in {7, None}


def test_enabling_auth_state_requires_a_key(monkeypatch):
    with pytest.raises(StartError, match="github") as refused:
        open_auth_states(Config(), None, SAVING)
    assert "JUPYTERHUB_CRYPT_KEY" in refused.value.hint
    open_auth_states(Config(), None, {"": LoginPolicy()}).close()
    monkeypatch.setenv("JUPYTERHUB_CRYPT_KEY", KEY.hex())
    open_auth_states(Config(), None, SAVING).close()


def test_an_invalid_key_fails_the_start_without_being_shown(monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_CRYPT_KEY", "not-a-key")
    with pytest.raises(StartError, match="JUPYTERHUB_CRYPT_KEY") as refused:
        open_auth_states(Config(), None, SAVING)
    assert "not-a-key" not in str(refused.value)


class Meeting(dict):
    """A part of an auth state that is encrypted only when as many others are at the same time."""

    def __init__(self, barrier: Barrier) -> None:
        super().__init__(a=1)
        self.barrier = barrier

    def items(self):
        self.barrier.wait()
        return super().items()


async def test_as_many_auth_states_are_encrypted_at_once_as_there_are_threads():
    number = (os.cpu_count() or 1) + 1  # more than the default
    config = Config({"CryptKeeper": {"keys": [KEY.hex()], "n_threads": number}})
    states = open_auth_states(config, None, SAVING)
    barrier = Barrier(number, timeout=5)
    try:
        encrypted = await asyncio.gather(
            *(states.encrypt({"token": Meeting(barrier)}) for _ in range(number))
        )
    finally:
        states.close()
    assert len({state.data for state in encrypted}) == number
