"""Built-in plugin that checks the hub's own tokens."""

from __future__ import annotations

from plughub import hookimpl
from plughub.domain.oauth import TokenRecord
from plughub.domain.tokens import MAX_TOKEN_LENGTH, SERVER_NOTE, compare_token, token_prefix
from plughub.kinds import TokenIdentity
from plughub.storage.store import Store, Transaction


class DatabaseTokens:
    """Checks the hub's own tokens. A built-in plugin, called like any other.

    Args:
        store: the storage.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @hookimpl(tryfirst=True)
    async def hub_check_token(self, token: str) -> TokenIdentity | None:
        """Find a token in the database."""
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        record = await self._store.read(lambda tx: _find(tx, token))
        if record is None:
            return None
        return TokenIdentity(
            name=record.owner,
            kind="user" if record.user_id is not None else "service",
            scopes=record.scopes,
            expires_at=record.expires_at.timestamp() if record.expires_at else None,
            token_id=f"a{record.id}",
            session_id=record.session_id,
            client_id=record.client_id,
            by_person=not record.note.startswith(SERVER_NOTE),
        )


def _find(tx: Transaction, token: str) -> TokenRecord | None:
    """Find a token by its text. Hashing can be slow: call it in the thread of the transaction."""
    candidates = tx.tokens.candidates(token_prefix(token))
    return next((record for hashed, record in candidates if compare_token(token, hashed)), None)
