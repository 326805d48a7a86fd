"""Authenticator with one password for all users and another for the admins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from traitlets import Dict, List, Unicode

from plughub.auth import Authenticator
from plughub.errors import StartError
from plughub_dummy.passwords import passwords_match

USER_PASSWORD_LENGTH: Final = 8
ADMIN_PASSWORD_LENGTH: Final = 32


class SharedPasswordAuthenticator(Authenticator):
    """Accepts any name with the password of all users, and admins with their own password.

    The password of all users gives access to the account of any user except admins.
    """

    user_password = Unicode(
        None,
        allow_none=True,
        help=f"Password of all users except admins, {USER_PASSWORD_LENGTH} characters or more.",
    ).tag(config=True)

    admin_password = Unicode(
        None,
        allow_none=True,
        help=f"Password of the users in admin_users, {ADMIN_PASSWORD_LENGTH} characters or more.",
    ).tag(config=True)

    password_groups = Dict(
        key_trait=Unicode(),
        value_trait=List(Unicode()),
        help="Additional passwords, and the groups of the users who log in with them. Requires "
        "manage_groups.",
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        problems = list(self._problems())
        if problems:
            hint = f"set it in the configuration file, such as c.{type(self).__name__}.user_password = '…'"
            raise StartError("; ".join(problems), hint=hint)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:  # noqa: ARG002
        """Check the password: of an admin against ``admin_password``, of other users against the others.

        Args:
            handler: always None.
            data: ``username`` and ``password``.

        Returns:
            The auth model, or None when the password is wrong.
        """
        name, password = data["username"], data["password"]
        if self.is_admin(None, {"name": self.normalize_username(name)}):
            good = self.admin_password and passwords_match(password, self.admin_password)
            return {"name": name, "admin": True, "groups": []} if good else None
        if self.user_password and passwords_match(password, self.user_password):
            return {"name": name, "admin": False, "groups": []}
        found = [groups for known, groups in self.password_groups.items() if passwords_match(password, known)]
        return {"name": name, "admin": False, "groups": found[0]} if found else None

    def check_allow_config(self) -> None:
        """Warn if no user or no admin can log in."""
        super().check_allow_config()
        kind = type(self).__name__
        if self.admin_users and not self.admin_password:
            self.log.warning("%s: no admin can log in: admin_users is set, admin_password is not", kind)
        if self.admin_password and not self.admin_users:
            self.log.warning("%s: no admin can log in: admin_password is set, admin_users is not", kind)

    def _problems(self) -> Iterator[str]:
        kind = f"c.{type(self).__name__}"
        if not (self.user_password or self.admin_password or self.password_groups):
            yield f"{kind}.user_password is not set"
        if self.user_password and len(self.user_password) < USER_PASSWORD_LENGTH:
            yield f"{kind}.user_password is too short: use at least {USER_PASSWORD_LENGTH} characters"
        if any(len(known) < USER_PASSWORD_LENGTH for known in self.password_groups):
            yield f"{kind}.password_groups has a password of fewer than {USER_PASSWORD_LENGTH} characters"
        if self.admin_password and len(self.admin_password) < ADMIN_PASSWORD_LENGTH:
            yield f"{kind}.admin_password is too short: use at least {ADMIN_PASSWORD_LENGTH} characters"
        if self.admin_password and self.admin_password in {self.user_password, *self.password_groups}:
            yield f"{kind}.admin_password must differ from the passwords of other users"
        if self.password_groups and not self.manage_groups:
            yield f"{kind}.password_groups requires {kind}.manage_groups = True"
