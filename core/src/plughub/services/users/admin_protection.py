"""What only admins may do to admins."""

from __future__ import annotations

from collections.abc import Collection

from plughub.domain.errors import ForbiddenError
from plughub.domain.roles import ADMIN_ROLE, default_role, owner_scopes
from plughub.domain.scopes import ScopeOwner, ScopeTree, excess_scopes
from plughub.domain.users import User
from plughub.services.tokens.principals import Principal


class AdminRule:
    """Who changes what admins are, or makes some, holds all that an admin holds.

    Args:
        tree: the scopes of the hub.
    """

    def __init__(self, tree: ScopeTree) -> None:
        self._tree = tree
        self._of_admins = tree.expand(default_role(ADMIN_ROLE).scopes)

    def is_admin(self, user: User) -> bool:
        """Tell whether a user is an admin, by a role of a group too.

        Args:
            user: the user.

        Returns:
            Whether the user holds what an admin holds.
        """
        return user.admin or self.makes_admins(
            owner_scopes(self._tree, ScopeOwner(user=user.name), user.scopes)
        )

    def makes_admins(self, raw: Collection[str]) -> bool:
        """Tell whether scopes are those of an admin.

        Args:
            raw: scopes of roles.

        Returns:
            Whether nothing is missing.
        """
        return not excess_scopes(self._of_admins, self._tree.expand(raw))

    def holds_for(self, by: Principal) -> bool:
        """Tell whether the caller may do what only admins may.

        Args:
            by: the caller.

        Returns:
            Whether they hold all that an admin holds.
        """
        return not excess_scopes(self._of_admins, by.scopes)

    def check(self, by: Principal, deed: str) -> None:
        """Refuse whoever does not hold all that an admin holds.

        Args:
            by: the caller.
            deed: what only admins can do, for the message.

        Raises:
            ForbiddenError: they do not.
        """
        if not self.holds_for(by):
            raise ForbiddenError(f"only admins can {deed}", hint="ask an admin of this hub")
