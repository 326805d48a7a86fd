"""The secrets that authenticators save with a login: encrypted in the database, in clear for their owners."""

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
    """Encrypted secrets, ready to be stored.

    Attributes:
        data: what is stored; None to forget what was.
    """

    data: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredAuthState:
    """Who authenticated a user, and her secrets as they are stored.

    Attributes:
        plugin: the authenticator; empty when none has.
        data: encrypted; None for none.
    """

    plugin: str
    data: bytes | None = field(repr=False)


class AuthStates:
    """Keeps the secrets of users sealed. What takes time runs in threads of its own.

    Args:
        store: the storage.
        keys: 32 bytes each; the first one encrypts, all of them decrypt. None: nothing can be saved.
        threads: how many encrypt and decrypt at once.
    """

    def __init__(self, store: Store, keys: Sequence[bytes] = (), threads: int = 1) -> None:
        self._store = store
        self._sealer = _sealer_of(keys) if keys else None
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="plughub-auth-state")

    async def seal(self, secrets: Mapping[str, Any] | None) -> EncryptedState:
        """Encrypt secrets.

        Args:
            secrets: JSON-able; None for none.

        Returns:
            What is to be stored.

        Raises:
            InvalidError: there is no key, or they are not JSON-able.
        """
        if secrets is None:
            return EncryptedState(None)
        if self._sealer is None:
            raise InvalidError(
                "auth_state cannot be stored: this hub has no key for it",
                detail="set JUPYTERHUB_CRYPT_KEY, or c.CryptKeeper.keys",
            )
        return EncryptedState(await self._run(self._sealer.seal, dict(secrets)))

    async def of(self, user_id: int) -> dict[str, Any] | None:
        """Get the secrets of a user; what an older key encrypted is encrypted anew.

        Args:
            user_id: key of the user.

        Returns:
            The secrets; None when there are none, or none that any key opens.
        """
        return await self.opened(user_id, await self._store.read(lambda tx: tx.users.auth_state(user_id)))

    async def opened(self, user_id: int, stored: bytes | None) -> dict[str, Any] | None:
        """Open the secrets of a user that were read already; what an older key encrypted is encrypted anew.

        Args:
            user_id: key of the user.
            stored: as they are stored; None for none.

        Returns:
            The secrets; None when there are none, or none that any key opens.
        """
        return None if stored is None else await self._of_stored(user_id, stored)

    async def in_view(self, server: Server, user_id: int) -> Server:
        """Show the plugin of a server who authenticated its user, and her secrets.

        Args:
            server: what the plugin sees.
            user_id: key of the user.

        Returns:
            The same, with both.
        """
        return await self.shown(server, user_id, await self._store.read(lambda tx: stored_of(tx, user_id)))

    async def shown(self, server: Server, user_id: int, stored: StoredAuthState) -> Server:
        """Show the plugin of a server what was read already.

        Args:
            server: what the plugin sees.
            user_id: key of the user.
            stored: what was read.

        Returns:
            The same, with both.
        """
        secrets = await self.opened(user_id, stored.data)
        return replace(server, user=replace(server.user, plugin=stored.plugin, auth_state=secrets))

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _of_stored(self, user_id: int, stored: bytes) -> dict[str, Any] | None:
        encryptor = self._sealer
        opened: DecryptedState | None = await self._run(encryptor.open, stored) if encryptor else None
        if encryptor is None or opened is None:
            log.warning(
                "the auth_state of user %d cannot be read with any key of this hub: it counts as none "
                "until the next login (was a key taken out of JUPYTERHUB_CRYPT_KEY?)",
                user_id,
            )
            return None
        if opened.stale:
            fresh = await self._run(encryptor.seal, opened.secrets)
            await self._store.write(lambda tx: tx.users.replace_auth_state(user_id, stored, fresh))
        return opened.secrets

    async def _run(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def stored_of(tx: Transaction, user_id: int) -> StoredAuthState:
    """Read who authenticated a user, and her secrets.

    Args:
        tx: the transaction.
        user_id: key of the user.

    Returns:
        Both, as they are stored.
    """
    known = tx.users.identities(user_id)
    return StoredAuthState(known[0][0] if known else "", tx.users.auth_state(user_id))


def _sealer_of(keys: Sequence[bytes]) -> Encryptor:
    from plughub.services.secrets.encryption import Encryptor  # noqa: PLC0415 - loads cryptography

    return Encryptor(keys)
