"""Encryption of auth state."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from plughub.domain.errors import InvalidError


@dataclass(frozen=True, slots=True)
class DecryptedState:
    """Decrypted auth state.

    Attributes:
        secrets: the auth state.
        stale: an older key was used; encrypt it again.
    """

    secrets: dict[str, Any] = field(repr=False)
    stale: bool = False


class Encryptor:
    """Encrypts and decrypts auth state. Slow: call it in a thread.

    Args:
        keys: 32 bytes each, at least one; the first one encrypts, all decrypt.

    Source:
        ``users.encrypted_auth_state`` of JupyterHub: JSON, encrypted with Fernet.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = [Fernet(base64.urlsafe_b64encode(key)) for key in keys]

    def encrypt(self, secrets: Mapping[str, Any]) -> bytes:
        """Encrypt auth state.

        Args:
            secrets: must be JSON.

        Raises:
            InvalidError: the secrets are not JSON.
        """
        try:
            text = json.dumps(secrets)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidError("auth_state is not valid JSON", detail=type(error).__name__) from error
        return self._keys[0].encrypt(text.encode())

    def decrypt(self, stored: bytes) -> DecryptedState | None:
        """Decrypt auth state; None when no key decrypts it, or the result is not valid."""
        for decrypt, stale in ((self._keys[0].decrypt, False), (MultiFernet(self._keys).decrypt, True)):
            try:
                secrets = _secrets_in(decrypt(stored))
            except InvalidToken:
                continue
            return None if secrets is None else DecryptedState(secrets, stale)
        return None


def _secrets_in(text: bytes) -> dict[str, Any] | None:
    try:
        secrets = json.loads(text)
    except ValueError:
        return None
    return secrets if isinstance(secrets, dict) else None
