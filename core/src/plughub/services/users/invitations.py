"""One-time login links that administrators create for users."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from plughub.domain.errors import ForbiddenError, InvalidError
from plughub.domain.roles import owner_scopes
from plughub.domain.scopes import ScopeOwner, ScopeTree, excess_scopes, name_scopes
from plughub.domain.timings import LOGIN_LINK_SECONDS, LONGEST_LOGIN_LINK_SECONDS
from plughub.domain.users import User
from plughub.domain.words import _
from plughub.services.tokens.principals import Principal
from plughub.services.users.admin_protection import AdminRule
from plughub.services.users.login_links import store_link
from plughub.storage.store import Store, Transaction

SHORTEST: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """New login link.

    Attributes:
        token: the secret part of the link, known only to the caller.
        expires_at: when it expires.
    """

    token: str = field(repr=False)
    expires_at: datetime


class Invitations:
    """Creates and revokes login links of users.

    Args:
        store: the storage.
        tree: hierarchy of scopes.
    """

    def __init__(self, store: Store, tree: ScopeTree) -> None:
        self._store = store
        self._tree = tree
        self._admins = AdminRule(tree)

    async def create(self, user: User, by: Principal, seconds: float = LOGIN_LINK_SECONDS) -> Invitation:
        """Create a link that logs a user in once.

        Args:
            user: the user.
            by: the caller.
            seconds: lifetime.

        Raises:
            InvalidError: the lifetime is out of range.
            ForbiddenError: the user may do more than the caller, who could use the link.
        """
        if not SHORTEST <= seconds <= LONGEST_LOGIN_LINK_SECONDS:
            raise InvalidError(
                f"expires_in must be a number of seconds from {SHORTEST} to {LONGEST_LOGIN_LINK_SECONDS}"
            )

        def work(tx: Transaction) -> Invitation:
            tx.users.lock(user.id)
            self._check(tx.users.by_id(user.id) or user, by)
            token = store_link(tx, user.name, lifetime=seconds)
            return Invitation(token=token, expires_at=datetime.fromtimestamp(tx.now() + seconds, UTC))

        return await self._store.write(work)

    async def revoke(self, user: User) -> None:
        """Revoke all unused links of a user."""
        await self._store.write(lambda tx: tx.login_links.revoke_all(user.name))

    def _check(self, user: User, by: Principal) -> None:
        if self._admins.allows(by):
            return
        if self._admins.is_admin(user):
            self._admins.check(by, "create login links for admins")
        held = owner_scopes(self._tree, ScopeOwner(user=user.name), user.scopes)
        if excess := excess_scopes(held, by.scopes, {user.name: user.groups}):
            raise ForbiddenError(
                _(
                    "%(name)s may do more than you, who could use the link: %(scopes)s",
                    name=user.name,
                    scopes=name_scopes(excess),
                ),
                hint=_("Ask an admin of this hub."),
            )
