"""Protection of admins: only admins may create or change them."""

from __future__ import annotations

from collections.abc import Collection

from plughub.domain.errors import ForbiddenError
from plughub.domain.roles import ADMIN_ROLE, default_role, owner_scopes
from plughub.domain.scopes import ScopeOwner, ScopeTree, excess_scopes
from plughub.domain.users import User
from plughub.services.tokens.principals import Principal


class AdminRule:
    """Requires all scopes of an admin from callers who create or change admins.

    Args:
        tree: hierarchy of scopes.
    """

    def __init__(self, tree: ScopeTree) -> None:
        self._tree = tree
        self._of_admins = tree.expand(default_role(ADMIN_ROLE).scopes)

    def is_admin(self, user: User) -> bool:
        """Return whether a user holds the scopes of an admin, directly or through a group."""
        return user.admin or self.grants_admin(
            owner_scopes(self._tree, ScopeOwner(user=user.name), user.scopes)
        )

    def grants_admin(self, raw: Collection[str]) -> bool:
        """Return whether scopes of roles include all scopes of an admin."""
        return not excess_scopes(self._of_admins, self._tree.expand(raw))

    def allows(self, by: Principal) -> bool:
        """Return whether the caller holds all scopes of an admin."""
        return not excess_scopes(self._of_admins, by.scopes)

    def check(self, by: Principal, action: str) -> None:
        """Refuse a caller without all scopes of an admin.

        Args:
            by: the caller.
            action: what requires them, for the message.

        Raises:
            ForbiddenError: the caller does not hold them.
        """
        if not self.allows(by):
            raise ForbiddenError(f"only admins can {action}", hint="ask an admin of this hub")
