"""Storage of auth state: encrypted in the database, decrypted for plugins and API clients."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from plughub.domain.errors import InvalidError
from plughub.kinds import Server
from plughub.storage.store import Store, Transaction

if TYPE_CHECKING:
    from plughub.services.secrets.encryption import DecryptedState, Encryptor

log = logging.getLogger("plughub.auth_state")


@dataclass(frozen=True, slots=True)
class EncryptedState:
    """Encrypted auth state.

    Attributes:
        data: stored bytes; None to delete the stored auth state.
    """

    data: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredAuthState:
    """A user's authenticator and encrypted auth state.

    Attributes:
        plugin: the authenticator; empty when the user never logged in.
        data: encrypted auth state; None for none.
    """

    plugin: str
    data: bytes | None = field(repr=False)


class AuthStates:
    """Encrypts and decrypts auth state, in threads of its own.

    Args:
        store: the storage.
        keys: 32 bytes each; the first one encrypts, all decrypt. Without keys nothing can be stored.
        threads: number of threads.
    """

    def __init__(self, store: Store, keys: Sequence[bytes] = (), threads: int = 1) -> None:
        self._store = store
        self._encryptor = _create_encryptor(keys) if keys else None
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="plughub-auth-state")

    async def encrypt(self, secrets: Mapping[str, Any] | None) -> EncryptedState:
        """Encrypt auth state.

        Args:
            secrets: must be JSON; None for none.

        Returns:
            The encrypted auth state.

        Raises:
            InvalidError: there is no key, or the secrets are not JSON.
        """
        if secrets is None:
            return EncryptedState(None)
        if self._encryptor is None:
            raise InvalidError(
                "auth_state cannot be stored: this hub has no key to encrypt it",
                detail="set JUPYTERHUB_CRYPT_KEY, or c.CryptKeeper.keys",
            )
        return EncryptedState(await self._run(self._encryptor.encrypt, dict(secrets)))

    async def get(self, user_id: int) -> dict[str, Any] | None:
        """Return the auth state of a user.

        Args:
            user_id: key of the user.

        Returns:
            None when there is none, or no key decrypts it.
        """
        return await self.decrypt(user_id, await self._store.read(lambda tx: tx.users.auth_state(user_id)))

    async def save(self, user_id: int, secrets: Mapping[str, Any] | None) -> None:
        """Encrypt and store the auth state of a user.

        Args:
            user_id: key of the user.
            secrets: must be JSON; None to delete the stored auth state.

        Raises:
            InvalidError: there is no key, or the secrets are not JSON.
        """
        encrypted = await self.encrypt(secrets)
        await self._store.write(lambda tx: tx.users.set_auth_state(user_id, encrypted.data))

    async def decrypt(self, user_id: int, stored: bytes | None) -> dict[str, Any] | None:
        """Decrypt stored auth state.

        Args:
            user_id: key of the user.
            stored: stored bytes; None for none.

        Returns:
            None when there is none, or no key decrypts it.
        """
        return None if stored is None else await self._decrypt(user_id, stored)

    async def with_auth_state(self, server: Server, user_id: int) -> Server:
        """Add the authenticator and auth state of its user to a server as plugins see it."""
        return await self.with_stored(
            server, user_id, await self._store.read(lambda tx: read_auth_state(tx, user_id))
        )

    async def with_stored(self, server: Server, user_id: int, stored: StoredAuthState) -> Server:
        """Add an authenticator and auth state that were already read to a server as plugins see it."""
        secrets = await self.decrypt(user_id, stored.data)
        return replace(server, user=replace(server.user, plugin=stored.plugin, auth_state=secrets))

    def close(self) -> None:
        """Shut down the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _decrypt(self, user_id: int, stored: bytes) -> dict[str, Any] | None:
        encryptor = self._encryptor
        decrypted: DecryptedState | None = await self._run(encryptor.decrypt, stored) if encryptor else None
        if encryptor is None or decrypted is None:
            log.warning(
                "the auth_state of user %d cannot be read with any key of this hub and is ignored "
                "until the next login (was a key removed from JUPYTERHUB_CRYPT_KEY?)",
                user_id,
            )
            return None
        if decrypted.stale:  # encrypted with an older key
            fresh = await self._run(encryptor.encrypt, decrypted.secrets)
            await self._store.write(lambda tx: tx.users.replace_auth_state(user_id, stored, fresh))
        return decrypted.secrets

    async def _run(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def read_auth_state(tx: Transaction, user_id: int) -> StoredAuthState:
    """Read a user's last authenticator and encrypted auth state."""
    return StoredAuthState(*tx.users.last_auth_state(user_id))


def _create_encryptor(keys: Sequence[bytes]) -> Encryptor:
    from plughub.services.secrets.encryption import Encryptor  # noqa: PLC0415 - loads cryptography

    return Encryptor(keys)
