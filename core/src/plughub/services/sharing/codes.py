"""Share codes: links that whoever gets them can turn into a share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta

from plughub.domain.clock import utcnow
from plughub.domain.errors import ForbiddenError, InvalidError, NotFoundError
from plughub.domain.limits import MAX_SHARE_CODES, check_room
from plughub.domain.scopes import ScopeTree
from plughub.domain.shares import (
    Share,
    ShareCode,
    ShareQuery,
)
from plughub.domain.timings import MAX_SHARE_CODE_SECONDS, MIN_SHARE_CODE_SECONDS, SHARE_CODE_SECONDS
from plughub.domain.tokens import GENERATED_ROUNDS, compare_token, hash_token, new_share_code, token_prefix
from plughub.domain.users import User
from plughub.services.sharing.shares import check_held, query_of, server_of, wanted_scopes
from plughub.services.tokens.principals import Principal
from plughub.storage.store import Store, Transaction

_UNKNOWN = "Share not found or expired"
_ASK = "Ask who sent you the link for a new one."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewShareCode:
    """A code that was just made.

    Attributes:
        text: the code itself, shown once.
        record: what is stored.
    """

    text: str = field(repr=False)
    record: ShareCode


class ShareCodeService:
    """What may be asked of share codes.

    Args:
        store: the storage.
        tree: the scopes of the hub.
    """

    def __init__(self, store: Store, tree: ScopeTree) -> None:
        self._store = store
        self._tree = tree

    async def of_owner(
        self, owner: str, server: str | None, offset: int, limit: int
    ) -> tuple[list[ShareCode], int]:
        """List the codes of somebody's servers.

        Args:
            owner: name of the owner.
            server: name of the server; None for all.
            offset: codes before the page.
            limit: codes in the page at most.

        Returns:
            The codes of the page, and how many there are in all.

        Raises:
            NotFoundError: there is no such user or server.
        """

        def work(tx: Transaction) -> tuple[list[ShareCode], int]:
            query = query_of(tx, owner, server)
            return tx.shares.codes(query, offset, limit), tx.shares.count_codes(query)

        return await self._store.read(work)

    async def create(
        self, owner: str, server: str, scopes: Collection[str], expires_in: int | None, by: Principal
    ) -> NewShareCode:
        """Make a code that whoever gets it can turn into a share.

        Args:
            owner: name of the owner.
            server: name of the server.
            scopes: what the share allows; none for opening the server.
            expires_in: seconds for which it is good; None for a day.
            by: who asks.

        Returns:
            The code.

        Raises:
            InvalidError: a scope does not exist or cannot be shared, the time is too short or too long, or
                the server has too many codes.
            NotFoundError: there is no such server.
            ForbiddenError: who asks does not hold a scope.
        """
        seconds = SHARE_CODE_SECONDS if expires_in is None else expires_in
        if not MIN_SHARE_CODE_SECONDS <= seconds <= MAX_SHARE_CODE_SECONDS:
            raise InvalidError(
                f"expires_in must be {MIN_SHARE_CODE_SECONDS} to {MAX_SHARE_CODE_SECONDS} seconds, "
                "a minute to a year"
            )
        wanted = wanted_scopes(self._tree, scopes, owner, server)
        text = new_share_code()

        def work(tx: Transaction) -> ShareCode:
            user, record = server_of(tx, owner, server)
            check_held(self._tree, wanted, user, by)
            tx.users.lock(user.id)
            check_room(
                tx.shares.count_codes(ShareQuery(server=record.id)),
                MAX_SHARE_CODES,
                "this server already has the maximum of %d share codes",
                "Delete codes that are not needed any more.",
            )
            return tx.shares.add_code(
                record,
                hashed=hash_token(text, rounds=GENERATED_ROUNDS),
                prefix=token_prefix(text),
                scopes=wanted,
                expires_at=utcnow() + timedelta(seconds=seconds),
            )

        return NewShareCode(text=text, record=await self._store.write(work))

    async def delete(self, owner: str, server: str, *, code: str = "", key: int | None = None) -> int:
        """Make codes of a server void; shares that were made of them stay.

        Args:
            owner: name of the owner.
            server: name of the server.
            code: the one with this text.
            key: the one with this key; all when neither is given.

        Returns:
            How many there were.

        Raises:
            NotFoundError: there is no such server or code.
        """

        def work(tx: Transaction) -> int:
            record = server_of(tx, owner, server)[1]
            if not code and key is None:
                return tx.shares.delete_codes(record.id)
            found = _code(tx, code) if code else None
            wanted = found[1].id if found is not None and found[0] == record.id else key
            if wanted is None or not tx.shares.delete_code(record.id, wanted):
                raise NotFoundError("there is no such share code for this server")
            return 1

        return await self._store.write(work)

    async def look_at(self, code: str, user: User) -> ShareCode:
        """Tell what a code offers.

        Args:
            code: its text.
            user: who looks.

        Returns:
            The code.

        Raises:
            NotFoundError: nobody knows it, or it has ended.
            ForbiddenError: it is for the user's own server.
        """
        found = await self._store.read(lambda tx: _code(tx, code))
        if found is None:
            raise NotFoundError(_UNKNOWN, hint=_ASK)
        if found[1].owner == user.name:
            raise ForbiddenError("You can't share with yourself!", hint="Send the link to somebody else.")
        return found[1]

    async def accept(self, code: str, user: User) -> Share:
        """Turn a code into a share.

        Args:
            code: its text.
            user: who gets the share.

        Returns:
            The share.

        Raises:
            InvalidError: nobody knows the code, it has ended, or it is for the user's own server.
        """

        def work(tx: Transaction) -> Share:
            found = _code(tx, code)
            record = tx.servers.by_id(found[0]) if found is not None else None
            if found is None or record is None:
                raise InvalidError(_UNKNOWN, hint=_ASK)
            if record.user_id == user.id:
                raise InvalidError("You can't share with yourself!")
            tx.users.lock(record.user_id)
            # It may have been made void since it was read; from here on it cannot be.
            if not tx.shares.exchanged(found[1].id):
                raise InvalidError(_UNKNOWN, hint=_ASK)
            return tx.shares.grant(record, "user", user.id, found[1].scopes)

        return await self._store.write(work)


def _code(tx: Transaction, text: str) -> tuple[int, ShareCode] | None:
    """Find a code that has not ended, with the key of its server."""
    for hashed, server_id, record in tx.shares.code_candidates(token_prefix(text)):
        if compare_token(text, hashed):
            return server_id, record
    return None
