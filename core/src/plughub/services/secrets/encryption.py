"""Encrypting and decrypting the secrets that authenticators save with a login."""

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
    """What came out of the database.

    Attributes:
        secrets: decrypted.
        stale: whether they ought to be encrypted anew.
    """

    secrets: dict[str, Any] = field(repr=False)
    stale: bool = False


class Encryptor:
    """Seals and opens secrets; it takes time.

    Args:
        keys: 32 bytes each, at least one; the first one encrypts, all of them decrypt.

    Source:
        ``users.encrypted_auth_state`` of JupyterHub: JSON, encrypted with Fernet.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = [Fernet(base64.urlsafe_b64encode(key)) for key in keys]

    def seal(self, secrets: Mapping[str, Any]) -> bytes:
        """Encrypt secrets.

        Args:
            secrets: JSON-able.

        Returns:
            What is to be stored.

        Raises:
            InvalidError: they are not JSON-able.
        """
        try:
            text = json.dumps(secrets)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidError("auth_state is no JSON", detail=type(error).__name__) from error
        return self._keys[0].encrypt(text.encode())

    def open(self, stored: bytes) -> DecryptedState | None:
        """Decrypt secrets.

        Args:
            stored: as they are stored.

        Returns:
            The secrets; None when no key opens them, or what comes out is none.
        """
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
