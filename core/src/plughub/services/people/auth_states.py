"""The secrets that authenticators save with a login: encrypted in the database, in clear for their owners."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from plughub.domain.errors import InvalidError
from plughub.kinds import Server
from plughub.services.ports.store import Store, Transaction

log = logging.getLogger("plughub.auth_state")


@dataclass(frozen=True, slots=True)
class Sealed:
    """Encrypted secrets, ready to be stored.

    Attributes:
        data: what is stored; None to forget what was.
    """

    data: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """Who authenticated a user, and her secrets as they are stored.

    Attributes:
        plugin: the authenticator; empty when none has.
        data: encrypted; None for none.
    """

    plugin: str
    data: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Opened:
    """What came out of the database: the secrets, and whether they ought to be encrypted anew."""

    secrets: dict[str, Any] | None = field(repr=False)
    stale: bool = False


class AuthStates:
    """Seals and opens the secrets of users. What takes time runs in threads of its own.

    Args:
        store: the storage.
        keys: 32 bytes each; the first one encrypts, all of them decrypt. None: nothing can be saved.
        threads: how many encrypt and decrypt at once.

    Source:
        ``users.encrypted_auth_state`` of JupyterHub: JSON, encrypted with Fernet.
    """

    def __init__(self, store: Store, keys: Sequence[bytes] = (), threads: int = 1) -> None:
        self._store = store
        self._keys = [Fernet(base64.urlsafe_b64encode(key)) for key in keys]
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="plughub-auth-state")

    async def seal(self, secrets: Mapping[str, Any] | None) -> Sealed:
        """Encrypt secrets.

        Args:
            secrets: JSON-able; None for none.

        Returns:
            What is to be stored.

        Raises:
            InvalidError: there is no key, or they are not JSON-able.
        """
        if secrets is None:
            return Sealed(None)
        if not self._keys:
            raise InvalidError(
                "auth_state cannot be stored: this hub has no key for it",
                hint="set JUPYTERHUB_CRYPT_KEY, or c.CryptKeeper.keys",
            )
        return Sealed(await self._run(self._seal, dict(secrets)))

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

    async def shown(self, server: Server, user_id: int, stored: Stored) -> Server:
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
        opened: _Opened = await self._run(self._open, stored)
        if opened.secrets is None:
            log.warning(
                "the auth_state of user %d cannot be read with any key of this hub: it counts as none "
                "until the next login (was a key taken out of JUPYTERHUB_CRYPT_KEY?)",
                user_id,
            )
        elif opened.stale:
            fresh = await self._run(self._seal, opened.secrets)
            await self._store.write(lambda tx: tx.users.replace_auth_state(user_id, stored, fresh))
        return opened.secrets

    def _seal(self, secrets: Mapping[str, Any]) -> bytes:
        try:
            text = json.dumps(secrets)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidError(f"auth_state is no JSON: {type(error).__name__}") from error
        return self._keys[0].encrypt(text.encode())

    def _open(self, stored: bytes) -> _Opened:
        if not self._keys:
            return _Opened(None)
        try:
            return _Opened(_secrets_in(self._keys[0].decrypt(stored)))
        except InvalidToken:
            pass
        try:
            return _Opened(_secrets_in(MultiFernet(self._keys).decrypt(stored)), stale=True)
        except InvalidToken:
            return _Opened(None)

    async def _run(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def stored_of(tx: Transaction, user_id: int) -> Stored:
    """Read who authenticated a user, and her secrets.

    Args:
        tx: the transaction.
        user_id: key of the user.

    Returns:
        Both, as they are stored.
    """
    known = tx.users.identities(user_id)
    return Stored(known[0][0] if known else "", tx.users.auth_state(user_id))


def _secrets_in(text: bytes) -> dict[str, Any] | None:
    try:
        secrets = json.loads(text)
    except ValueError:
        return None
    return secrets if isinstance(secrets, dict) else None
