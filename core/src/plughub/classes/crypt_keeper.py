"""The settings of the encryption of login secrets: ``c.CryptKeeper.…`` in a config file."""

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
    """Keeps the keys with which ``auth_state`` is encrypted."""

    keys: traitlets.List[bytes] = traitlets.List(
        help="""Keys of 32 bytes: hexadecimal, base64 or bytes. The first one encrypts, all of them decrypt.

        By default those of the environment variable JUPYTERHUB_CRYPT_KEY, with semicolons between them.
        """
    ).tag(config=True)
    n_threads = traitlets.Integer(
        max(os.cpu_count() or 1, 1), min=1, help="Threads that encrypt and decrypt."
    ).tag(config=True)

    @traitlets.default("keys")
    def _keys_of_environment(self) -> list[bytes]:
        given = os.environ.get(ENVIRONMENT, "").split(";")
        return [read_key(key.strip()) for key in given if key.strip()]

    @traitlets.validate("keys")
    def _read_keys(self, proposal: Mapping[str, Any]) -> list[bytes]:
        return [read_key(key) for key in proposal["value"]]


def read_key(given: str | bytes) -> bytes:
    """Read a key.

    Args:
        given: 32 bytes as they are, 64 hexadecimal digits, or base64 of 44 characters.

    Returns:
        The 32 bytes.

    Raises:
        TraitError: it is none of these; the message does not show it.

    Source:
        The forms that JupyterHub takes in JUPYTERHUB_CRYPT_KEY.
    """
    key = given
    if isinstance(given, str):
        key = given.encode(errors="replace")
    if not isinstance(key, bytes):
        raise _no_key()
    for decode in (bytes, binascii.a2b_hex, base64.urlsafe_b64decode):
        try:
            decoded = decode(key)
        except ValueError:
            continue
        if len(decoded) == KEY_BYTES:
            return decoded
    raise _no_key()


class NoKeyError(traitlets.TraitError):
    """Something that is no key was given as one; the message does not show it."""


def _no_key() -> NoKeyError:
    return NoKeyError(
        f"a key of {ENVIRONMENT} or c.CryptKeeper.keys is not good: {KEY_BYTES} bytes are needed, such as "
        "`openssl rand -hex 32` makes"
    )
