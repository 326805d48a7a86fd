"""Settings of the encryption of auth states: ``c.CryptKeeper.…`` in a config file."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from typing import Any, Final

import traitlets
from traitlets.config import Configurable

KEY_BYTES: Final = 32
ENVIRONMENT: Final = "JUPYTERHUB_CRYPT_KEY"


class CryptKeeper(Configurable):
    """Encryption keys for ``auth_state``."""

    keys: traitlets.List[bytes] = traitlets.List(
        help="""Encryption keys of 32 bytes each, as bytes, hexadecimal digits or base64. The first key
        encrypts, all keys decrypt; to rotate keys, put the new one first.

        Defaults to the environment variable JUPYTERHUB_CRYPT_KEY, in which semicolons separate keys.
        """
    ).tag(config=True)
    n_threads = traitlets.Integer(
        max(os.cpu_count() or 1, 1), min=1, help="Number of threads for encryption and decryption."
    ).tag(config=True)

    @traitlets.default("keys")
    def _keys_of_environment(self) -> list[bytes]:
        given = os.environ.get(ENVIRONMENT, "").split(";")
        return [read_key(key.strip()) for key in given if key.strip()]

    @traitlets.validate("keys")
    def _read_keys(self, proposal: Mapping[str, Any]) -> list[bytes]:
        return [read_key(key) for key in proposal["value"]]


def read_key(given: str | bytes) -> bytes:
    """Decode an encryption key.

    Args:
        given: 32 bytes, 64 hexadecimal digits, or 44 characters of base64.

    Returns:
        The 32 bytes.

    Raises:
        TraitError: the key is invalid; the message does not show it.

    Source:
        The formats that JupyterHub accepts in JUPYTERHUB_CRYPT_KEY.
    """
    key = given
    if isinstance(given, str):
        key = given.encode(errors="replace")
    if not isinstance(key, bytes):
        raise _invalid_key()
    for decode in (bytes, binascii.a2b_hex, base64.urlsafe_b64decode):
        try:
            decoded = decode(key)
        except ValueError:
            continue
        if len(decoded) == KEY_BYTES:
            return decoded
    raise _invalid_key()


class NoKeyError(traitlets.TraitError):
    """An encryption key is invalid; the message does not show it."""


def _invalid_key() -> NoKeyError:
    return NoKeyError(
        f"invalid key in {ENVIRONMENT} or c.CryptKeeper.keys: use a key of {KEY_BYTES} bytes, such as the "
        "output of `openssl rand -hex 32`"
    )
