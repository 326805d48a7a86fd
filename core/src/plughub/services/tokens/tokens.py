"""API tokens: authentication, creation and revocation."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from plughub.domain.clock import utcnow
from plughub.domain.errors import ForbiddenError, InvalidError
from plughub.domain.limits import MAX_TOKENS, check_room
from plughub.domain.names import normalize_username
from plughub.domain.oauth import TokenRecord
from plughub.domain.roles import ADMIN_ROLE, TOKEN_ROLE, default_role, owner_scopes
from plughub.domain.scopes import (
    ScopeOwner,
    ScopeTree,
    effective_token_scopes,
    excess_scopes,
    identify_scopes,
    intersect_scopes,
    name_scopes,
    users_in_filters,
)
from plughub.domain.scopes.algebra import NO_GROUPS, Groups
from plughub.domain.services import Service
from plughub.domain.timings import LONGEST_TOKEN_SECONDS
from plughub.domain.tokens import GENERATED_ROUNDS, hash_token, new_token, token_prefix
from plughub.domain.users import User
from plughub.domain.words import _
from plughub.kinds import TokenIdentity
from plughub.plugin.hooks import Hooks
from plughub.services.tokens.principals import Principal, PrincipalCache
from plughub.services.tokens.role_scopes import scopes_of_role, scopes_of_roles
from plughub.storage.store import Store, Transaction

MAX_ANY_TOKEN: Final = 64 * 1024
"""Bytes; longer tokens are rejected without asking a plugin."""
DATABASE_PLUGIN: Final = "database"
_ADMIN_SCOPES: Final = default_role(ADMIN_ROLE).scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A new token.

    Attributes:
        text: the token itself, shown once.
        record: the stored token.
    """

    text: str = field(repr=False)
    record: TokenRecord


class TokenService:
    """Creates, checks and revokes tokens.

    Args:
        store: the storage.
        hooks: the hooks.
        tree: hierarchy of scopes.
        cache: caches principals.
        longest: longest lifetime of a requested token in seconds; 0 for no limit.
        limit: API tokens per user; 0 for no limit.
    """

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        tree: ScopeTree,
        cache: PrincipalCache,
        *,
        longest: int = 0,
        limit: int = MAX_TOKENS,
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._tree = tree
        self._longest = longest
        self._limit = limit
        self.cache = cache

    async def authenticate(self, token: str) -> Principal | None:
        """Return the principal of a token; None for an unknown token.

        Args:
            token: value after ``token`` or ``bearer`` in the header.
        """
        if not token or len(token) > MAX_ANY_TOKEN:
            return None
        known = self.cache.get(token)
        if known is not None and known.by_token:
            return known
        version = self.cache.version
        answer = await self._hooks.check_token(token)
        if answer is None:
            return None
        identity = answer.value
        owner = await self._store.read(lambda tx: _owner_of(tx, identity))
        if owner is None or (answer.value.expires_at or float("inf")) <= time.time():
            return None
        held = self._tree.expand(identity.scopes, _scope_owner(owner, identity.client_id))
        groups = await self._groups(held, self.scopes_of(owner))
        principal = self._of_token(owner, identity, groups, own=answer.plugin == DATABASE_PLUGIN)
        if groups.keys() <= {owner.name}:  # another user of such a name may follow before the cache ends
            self.cache.put(token, principal, version)
        return principal

    def scopes_of(self, user: User | Service) -> frozenset[str]:
        """Return the expanded scopes of a user or service."""
        return owner_scopes(self._tree, _scope_owner(user), user.scopes)

    async def create(
        self,
        user: User,
        *,
        note: str = "",
        scopes: Collection[str] | None = None,
        expires_in: int | None = None,
        holder: Principal | None = None,
    ) -> NewToken:
        """Create an API token for a user.

        Args:
            user: its owner.
            note: its purpose.
            scopes: its scopes; None for those of the role ``token`` that both owner and creator hold.
            expires_in: seconds; None for no expiry.
            holder: the creator; None for the hub itself.

        Returns:
            The token.

        Raises:
            InvalidError: a scope does not exist or is not held by the owner, the time is out of range, or the
                owner has too many tokens.
            ForbiddenError: the creator does not hold a requested scope.
        """
        asked = scopes
        if scopes is None:
            scopes = await self._store.read(lambda tx: scopes_of_role(tx, TOKEN_ROLE))
        self._tree.check(scopes, "this token")
        if expires_in is not None and not 0 < expires_in <= LONGEST_TOKEN_SECONDS:
            raise InvalidError("expires_in must be a positive number of seconds, a hundred years at most")
        if holder is not None and self._longest:
            expires_in = self._longest if expires_in is None else expires_in
            if expires_in > self._longest:
                raise InvalidError(f"token expires_in: {expires_in} must not exceed {self._longest}")
        if asked is None:
            granted = self._shared_scopes(user, scopes, holder)
        else:
            granted = await self._held_scopes(user, scopes, holder)
        ends = utcnow() + timedelta(seconds=expires_in) if expires_in else None
        text = new_token()
        purpose = note or f"Requested via api{_requester(user, holder)}"

        def work(tx: Transaction) -> TokenRecord:
            tx.users.lock(user.id)
            check_room(
                tx.tokens.count(user.id),
                self._limit,
                f"{user.name} already has the maximum of %d API tokens",
                "Revoke tokens that are no longer needed.",
            )
            tx.changes.add("token", "")
            return store_token(tx, text, user_id=user.id, note=purpose, scopes=granted, expires_at=ends)

        return NewToken(text=text, record=await self._store.write(work))

    async def scopes_of_roles(self, names: Collection[str]) -> tuple[str, ...]:
        """Return the scopes of some roles, not expanded; older clients request tokens by names of roles.

        Raises:
            InvalidError: there is no such role.
        """
        return await self._store.read(lambda tx: scopes_of_roles(tx, names))

    async def of_user(self, user: User) -> list[TokenRecord]:
        """Return the tokens of a user that have not expired."""
        return await self._store.read(lambda tx: tx.tokens.of_user(user.id))

    async def revoke(self, user: User, token_id: int) -> bool:
        """Revoke a token of a user; a token of an OAuth client is revoked with all others of that client.

        Returns:
            False when the user has no such token.
        """

        def work(tx: Transaction) -> bool:
            token = tx.tokens.by_id(token_id)
            if token is None or token.user_id != user.id:
                return False
            plain = token.client_id == "jupyterhub"
            tx.tokens.delete([token.id] if plain else tx.tokens.of_client(token.client_id, user.id))
            return True

        return await self._store.write(work)

    async def effective_scopes(self, user: User, record: TokenRecord) -> frozenset[str]:
        """Return the effective scopes of a stored token."""
        held = self._tree.expand(record.scopes, _scope_owner(user, record.client_id))
        groups = await self._groups(held, self.scopes_of(user))
        return self._token_scopes(user, record.scopes, record.client_id, groups)[0]

    async def _groups(self, *scopes: frozenset[str]) -> Groups:
        """Return the groups of the users that scopes name, if scopes for groups may cover these users."""
        names = users_in_filters(*scopes)
        return await self._store.read(lambda tx: tx.users.groups_of(names)) if names else NO_GROUPS

    def _shared_scopes(
        self, user: User, scopes: Collection[str], holder: Principal | None
    ) -> Collection[str]:
        """Reduce default scopes to those that both owner and creator hold."""
        # ``inherit`` follows the owner's scopes. It is kept where the creator holds everything that the owner
        # may ever hold.
        if holder is None or self._covers(holder, user):
            return scopes
        owner, groups = self.scopes_of(user), {user.name: user.groups}
        wanted = effective_token_scopes(self._tree.expand(scopes, ScopeOwner(user=user.name)), owner, groups)
        return self._tree.condense(intersect_scopes(wanted, holder.scopes, groups))

    def _covers(self, holder: Principal, user: User) -> bool:
        if holder.inherits and holder.is_user and holder.owner.id == user.id:
            return True
        return not excess_scopes(self._tree.expand(_ADMIN_SCOPES), holder.scopes)

    async def _held_scopes(
        self, user: User, scopes: Collection[str], holder: Principal | None
    ) -> Collection[str]:
        """Refuse scopes that the owner or the creator does not hold."""
        owner, wanted = self.scopes_of(user), self._tree.expand(scopes, ScopeOwner(user=user.name))
        others = await self._groups(wanted, owner, holder.scopes if holder else frozenset())
        groups = {**others, user.name: user.groups}
        if excess := excess_scopes(wanted, owner, groups):
            raise InvalidError(
                _("%(user)s does not hold %(excess)s", user=user.name, excess=name_scopes(excess))
            )
        granted = effective_token_scopes(wanted, owner, groups)
        if holder is not None and (excess := excess_scopes(granted, holder.scopes, groups)):
            raise ForbiddenError(
                _(
                    "you can only create tokens with scopes that you hold, not with: %(excess)s",
                    excess=name_scopes(excess),
                ),
                hint="request fewer scopes, or none to get those that both you and the owner hold",
            )
        return scopes

    def _of_token(
        self, owner: User | Service, identity: TokenIdentity, groups: Groups, *, own: bool
    ) -> Principal:
        scopes, inherits = self._token_scopes(owner, identity.scopes, identity.client_id, groups)
        return Principal(
            owner=owner,
            scopes=scopes,
            token_id=identity.token_id,
            token_key=int(identity.token_id[1:]) if own else None,
            client_id=identity.client_id,
            session_id=identity.session_id,
            by_token=True,
            inherits=inherits,
            expires_at=identity.expires_at,
            by_person=identity.by_person,
        )

    def _token_scopes(
        self, owner: User | Service, stored: Collection[str], client_id: str, groups: Groups
    ) -> tuple[frozenset[str], bool]:
        """Return the effective scopes of a token, and whether it has all scopes of its owner.

        Every token may identify its owner.
        """
        may = self.scopes_of(owner)
        held = self._tree.expand(stored, _scope_owner(owner, client_id))
        if "inherit" in held:
            return may, True
        kind = "user" if isinstance(owner, User) else "service"
        return effective_token_scopes(held | identify_scopes(owner.name, kind), may, groups), False


def store_token(
    tx: Transaction,
    text: str,
    *,
    user_id: int,
    client_id: str = "jupyterhub",
    session_id: str = "",
    note: str = "",
    scopes: Collection[str] = (),
    expires_at: datetime | None = None,
) -> TokenRecord:
    """Store a token that the hub created.

    Args:
        tx: the transaction.
        text: the token.
        user_id: key of its owner.
        client_id: the OAuth client that it is issued to.
        session_id: login session that it ends with.
        note: its purpose.
        scopes: its scopes.
        expires_at: when it expires.

    Returns:
        The stored token.
    """
    return tx.tokens.create(
        hashed=hash_token(text, rounds=GENERATED_ROUNDS),
        prefix=token_prefix(text),
        user_id=user_id,
        client_id=client_id,
        session_id=session_id,
        note=note,
        scopes=scopes,
        expires_at=expires_at.astimezone(UTC) if expires_at else None,
    )


def _owner_of(tx: Transaction, identity: TokenIdentity) -> User | Service | None:
    if identity.kind == "service":
        return tx.services.get(identity.name)
    return tx.users.get(normalize_username(identity.name)) if identity.kind == "user" else None


def _scope_owner(owner: User | Service, client_id: str = "") -> ScopeOwner:
    if not isinstance(owner, User):
        return ScopeOwner(service=owner.name)
    return ScopeOwner(user=owner.name, server=_server_of(client_id, owner.name))


def _server_of(client_id: str, user: str) -> str:
    _, mark, server = client_id.partition("!")
    return f"{user}/{server if mark else ''}" if client_id.startswith("jupyterhub-user-") else ""


def _requester(user: User, holder: Principal | None) -> str:
    """Return who requested a token, if it was not its owner, for its note."""
    if holder is None or (holder.name == user.name and holder.is_user):
        return ""
    return f" by {'user' if holder.is_user else 'service'} {holder.name}"
