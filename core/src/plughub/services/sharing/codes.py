"""Share codes: links that their recipients can convert into a share."""

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
from plughub.domain.words import _
from plughub.services.sharing.shares import check_held, checked_scopes, query_of, server_of
from plughub.services.tokens.principals import Principal
from plughub.storage.store import Store, Transaction

_UNKNOWN = _("Share not found or expired")
_ASK = _("Ask the sender of the link for a new one.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewShareCode:
    """A new share code.

    Attributes:
        text: the code itself, shown once.
        record: the stored code.
    """

    text: str = field(repr=False)
    record: ShareCode


class ShareCodeService:
    """Creates, accepts and deletes share codes.

    Args:
        store: the storage.
        tree: hierarchy of scopes.
    """

    def __init__(self, store: Store, tree: ScopeTree) -> None:
        self._store = store
        self._tree = tree

    async def of_owner(
        self, owner: str, server: str | None, offset: int, limit: int
    ) -> tuple[list[ShareCode], int]:
        """Return a page of the codes of a user's servers, and their total number.

        Args:
            owner: name of the owner.
            server: name of the server; None for all.
            offset: codes before the page.
            limit: largest number of codes on the page.

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
        """Create a code for a share of a server.

        Args:
            owner: name of the owner.
            server: name of the server.
            scopes: scopes of the share; empty for access to the server.
            expires_in: seconds; None for a day.
            by: the caller.

        Returns:
            The code.

        Raises:
            InvalidError: a scope does not exist or cannot be shared, the time is out of range, or there are
                too many codes.
            NotFoundError: there is no such server.
            ForbiddenError: the caller does not hold a scope.
        """
        seconds = SHARE_CODE_SECONDS if expires_in is None else expires_in
        if not MIN_SHARE_CODE_SECONDS <= seconds <= MAX_SHARE_CODE_SECONDS:
            raise InvalidError(
                _(
                    "expires_in must be %(least)s to %(most)s seconds, a minute to a year",
                    least=MIN_SHARE_CODE_SECONDS,
                    most=MAX_SHARE_CODE_SECONDS,
                )
            )
        wanted = checked_scopes(self._tree, scopes, owner, server)
        text = new_share_code()

        def work(tx: Transaction) -> ShareCode:
            user, record = server_of(tx, owner, server)
            check_held(self._tree, wanted, user, by)
            tx.users.lock(user.id)
            check_room(
                tx.shares.count_codes(ShareQuery(server=record.id)),
                MAX_SHARE_CODES,
                "this server already has the maximum of %d share codes",
                "Delete codes that are no longer needed.",
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
        """Delete codes of a server; shares created from them are kept.

        Args:
            owner: name of the owner.
            server: name of the server.
            code: text of the code.
            key: key of the code; all codes when neither is given.

        Returns:
            The number of deleted codes.

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

    async def preview(self, code: str, user: User) -> ShareCode:
        """Return a code before it is accepted.

        Args:
            code: its text.
            user: the recipient.

        Raises:
            NotFoundError: it is unknown or has expired.
            ForbiddenError: it is for the user's own server.
        """
        found = await self._store.read(lambda tx: _code(tx, code))
        if found is None:
            raise NotFoundError(_UNKNOWN, hint=_ASK)
        if found[1].owner == user.name:
            raise ForbiddenError("You can't share with yourself!", hint="Send the link to another user.")
        return found[1]

    async def accept(self, code: str, user: User) -> Share:
        """Convert a code into a share.

        Args:
            code: its text.
            user: the recipient.

        Returns:
            The share.

        Raises:
            InvalidError: the code is unknown, has expired, or is for the user's own server.
        """

        def work(tx: Transaction) -> Share:
            found = _code(tx, code)
            record = tx.servers.by_id(found[0]) if found is not None else None
            if found is None or record is None:
                raise InvalidError(_UNKNOWN, hint=_ASK)
            if record.user_id == user.id:
                raise InvalidError("You can't share with yourself!")
            tx.users.lock(record.user_id)
            # It may have been deleted since it was read; after this statement it cannot be.
            if not tx.shares.record_exchange(found[1].id):
                raise InvalidError(_UNKNOWN, hint=_ASK)
            return tx.shares.grant(record, "user", user.id, found[1].scopes)

        return await self._store.write(work)


def _code(tx: Transaction, text: str) -> tuple[int, ShareCode] | None:
    """Find a code that has not expired, with the key of its server."""
    for hashed, server_id, record in tx.shares.code_candidates(token_prefix(text)):
        if compare_token(text, hashed):
            return server_id, record
    return None
