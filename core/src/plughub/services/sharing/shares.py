"""Shares of servers with users and groups."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from plughub.domain.errors import ForbiddenError, InvalidError, NotFoundError
from plughub.domain.names import normalize_username, shorten
from plughub.domain.scopes import ScopeFilter, ScopeTree, excess_scopes, name_scopes
from plughub.domain.servers import ServerRecord
from plughub.domain.shares import GranteeKind, Share, ShareQuery, share_scopes
from plughub.domain.users import User
from plughub.domain.words import _
from plughub.services.tokens.principals import Principal
from plughub.storage.store import Store, Transaction

_KINDS: Final = {"user": _("user"), "group": _("group")}
MANY: Final = 200
"""Largest number of shares on a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grantee:
    """User or group that a server is shared with.

    Attributes:
        kind: a user or a group.
        name: its name, as typed.
    """

    kind: GranteeKind
    name: str


class SharingService:
    """Lists, grants and revokes shares.

    Args:
        store: the storage.
        tree: hierarchy of scopes.
    """

    def __init__(self, store: Store, tree: ScopeTree) -> None:
        self._store = store
        self._tree = tree

    # ---- lists

    async def of_owner(
        self, owner: str, server: str | None, offset: int, limit: int
    ) -> tuple[list[Share], int]:
        """Return a page of the shares of a user's servers, and their total number.

        Args:
            owner: name of the owner.
            server: name of the server; None for all.
            offset: shares before the page.
            limit: largest number of shares on the page.

        Raises:
            NotFoundError: there is no such user or server.
        """

        def work(tx: Transaction) -> tuple[list[Share], int]:
            query = query_of(tx, owner, server)
            return tx.shares.page(query, offset, limit), tx.shares.count(query)

        return await self._store.read(work)

    async def with_grantee(self, grantee: Grantee, offset: int, limit: int) -> tuple[list[Share], int]:
        """Return a page of the shares with a group, or with a user and their groups, and the total number.

        Args:
            grantee: the user or group.
            offset: shares before the page.
            limit: largest number of shares on the page.

        Raises:
            NotFoundError: there is no such user or group.
        """

        def work(tx: Transaction) -> tuple[list[Share], int]:
            key = _grantee_key(tx, grantee)
            if key is None:
                raise NotFoundError(
                    _(
                        "there is no %(kind)s %(grantee)s",
                        kind=_KINDS[grantee.kind],
                        grantee=shorten(grantee.name),
                    )
                )
            by_user = grantee.kind == "user"
            query = ShareQuery(user=key, groups_too=True) if by_user else ShareQuery(group=key)
            return tx.shares.page(query, offset, limit), tx.shares.count(query)

        return await self._store.read(work)

    async def shared_with(self, user: User) -> list[Share]:
        """Return one share for each server that a user may access through shares, also of groups.

        Returns:
            At most `MANY` shares.
        """
        query = ShareQuery(user=user.id, groups_too=True)
        shares = await self._store.read(lambda tx: tx.shares.page(query, 0, MANY))
        opening = [share for share in shares if any(scope.startswith("access:") for scope in share.scopes)]
        return list({(share.owner, share.server): share for share in opening}.values())

    async def get(self, grantee: Grantee, owner: str, server: str) -> Share:
        """Return the share granted to a user or group itself.

        Args:
            grantee: the user or group.
            owner: name of the owner.
            server: name of the server.

        Raises:
            NotFoundError: there is no such share.
        """
        return await self._store.read(lambda tx: _find(tx, grantee, owner, server)[2])

    # ---- grants

    async def grant(
        self, owner: str, server: str, grantee: Grantee, scopes: Collection[str], by: Principal
    ) -> Share:
        """Share a server, or extend an existing share.

        Args:
            owner: name of the owner.
            server: name of the server.
            grantee: the user or group.
            scopes: scopes of the share; empty for access to the server.
            by: the caller.

        Returns:
            The share.

        Raises:
            InvalidError: a scope does not exist or cannot be shared, or there is no such user or group.
            NotFoundError: there is no such server.
            ForbiddenError: the caller does not hold a scope, or may not see the name of the user or group.
        """
        wanted = checked_scopes(self._tree, scopes, owner, server)

        def work(tx: Transaction) -> Share:
            user, record = server_of(tx, owner, server)
            tx.users.lock(user.id)
            check_held(self._tree, wanted, user, by)
            _check_name(tx, grantee, by)
            key = _grantee_key(tx, grantee)
            if key is None:
                raise InvalidError(
                    _(
                        "No such %(kind)s: %(grantee)s",
                        kind=_KINDS[grantee.kind],
                        grantee=shorten(grantee.name),
                    )
                )
            if grantee.kind == "user" and key == user.id:
                raise InvalidError("a server cannot be shared with its own user")
            return tx.shares.grant(record, grantee.kind, key, wanted)

        return await self._store.write(work)

    async def revoke(
        self, owner: str, server: str, grantee: Grantee, scopes: Collection[str] = ()
    ) -> Share | None:
        """Revoke a share or some of its scopes.

        Args:
            owner: name of the owner.
            server: name of the server.
            grantee: the user or group.
            scopes: scopes to revoke; empty for all.

        Returns:
            The remaining share; None for none.

        Raises:
            InvalidError: a scope does not exist or cannot be shared.
            NotFoundError: there is no such server.
        """
        revoked = checked_scopes(self._tree, scopes, owner, server) if scopes else frozenset[str]()

        def work(tx: Transaction) -> Share | None:
            user, record = server_of(tx, owner, server)
            tx.users.lock(user.id)
            key = _grantee_key(tx, grantee)
            return None if key is None else tx.shares.revoke(record.id, grantee.kind, key, revoked)

        return await self._store.write(work)

    async def revoke_all(self, owner: str, server: str) -> int:
        """Revoke all shares of a server.

        Returns:
            The number of revoked shares.

        Raises:
            NotFoundError: there is no such server.
        """
        return await self._store.write(lambda tx: tx.shares.revoke_all(server_of(tx, owner, server)[1].id))

    async def leave(self, grantee: Grantee, owner: str, server: str) -> None:
        """Revoke a share at the request of its grantee.

        Args:
            grantee: the user or group.
            owner: name of the owner.
            server: name of the server.

        Raises:
            NotFoundError: there is no such share.
        """

        def work(tx: Transaction) -> None:
            record, key, _ = _find(tx, grantee, owner, server)
            tx.users.lock(record.user_id)
            tx.shares.revoke(record.id, grantee.kind, key)

        await self._store.write(work)


def checked_scopes(tree: ScopeTree, scopes: Collection[str], owner: str, server: str) -> frozenset[str]:
    """Validate the scopes of a share and bind them to its server.

    Args:
        tree: hierarchy of scopes.
        scopes: requested scopes; empty for access to the server.
        owner: name of the server's owner.
        server: name of the server.

    Raises:
        InvalidError: a scope does not exist or cannot be shared.
    """
    wanted = share_scopes(scopes, owner, server)
    tree.check(wanted, "this share")
    return wanted


def check_held(tree: ScopeTree, scopes: frozenset[str], owner: User, by: Principal) -> None:
    """Refuse scopes that the caller does not hold.

    Args:
        tree: hierarchy of scopes.
        scopes: granted scopes.
        owner: owner of the server.
        by: the caller.

    Raises:
        ForbiddenError: a scope is not held.
    """
    if excess := excess_scopes(tree.expand(scopes), by.scopes, {owner.name: owner.groups}):
        raise ForbiddenError(
            _("Do not have permission to grant share with scope %(excess)s", excess=name_scopes(excess))
        )


def query_of(tx: Transaction, owner: str, server: str | None) -> ShareQuery:
    """Return the query for the shares or codes of a user's servers.

    Args:
        tx: the transaction.
        owner: name of the owner.
        server: name of the server; None for all.

    Raises:
        NotFoundError: there is no such user or server.
    """
    if server is not None:
        return ShareQuery(server=server_of(tx, owner, server)[1].id)
    user = tx.users.get(owner)
    if user is None:
        raise NotFoundError(_("there is no user %(owner)s", owner=shorten(owner)))
    return ShareQuery(owner=user.id)


def server_of(tx: Transaction, owner: str, server: str) -> tuple[User, ServerRecord]:
    """Return a server with its owner.

    Raises:
        NotFoundError: there is no such server.
    """
    user, record = tx.users.get(owner), tx.servers.get(owner, server)
    if user is None or record is None:
        raise NotFoundError(_("No such server: %(server)s", server=shorten(f"{owner}/{server}", 80)))
    return user, record


def _find(tx: Transaction, grantee: Grantee, owner: str, server: str) -> tuple[ServerRecord, int, Share]:
    key, record = _grantee_key(tx, grantee), tx.servers.get(owner, server)
    share = tx.shares.find(record.id, grantee.kind, key) if record and key is not None else None
    if record is None or key is None or share is None:
        raise NotFoundError(
            _(
                "No such share for %(kind)s %(grantee)s on %(server)s",
                kind=_KINDS[grantee.kind],
                grantee=shorten(grantee.name),
                server=shorten(f"{owner}/{server}", 80),
            )
        )
    return record, key, share


def _grantee_key(tx: Transaction, grantee: Grantee) -> int | None:
    if grantee.kind == "user":
        user = tx.users.get(normalize_username(grantee.name))
        return user.id if user is not None else None
    group = tx.groups.get(grantee.name)
    return group.id if group is not None else None


def _check_name(tx: Transaction, grantee: Grantee, by: Principal) -> None:
    """Refuse callers who may not see the grantee's name, so that they do not learn whether it exists."""
    scope = f"read:{grantee.kind}s:name"
    if grantee.kind == "user":
        name = normalize_username(grantee.name)
        user = tx.users.get(name)
        allowed = by.may(scope, resource=ScopeFilter.user(name), groups=user.groups if user else ())
    else:
        allowed = by.may(scope, resource=ScopeFilter.group(grantee.name))
    if not allowed:
        raise ForbiddenError(f"Need scope '{scope}' to share with {grantee.kind}s by name")
