"""Base class of authenticators whose users are system users."""

from __future__ import annotations

import asyncio
import grp
import inspect
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Awaitable, Mapping
from typing import Any, Final

from traitlets import Bool, Dict, Integer, Set, Unicode, default, observe

from plughub.classes.authenticator.authenticator import Authenticator, AuthModel, NamedUser
from plughub.classes.system_accounts import SystemAccounts
from plughub.classes.traits import Command
from plughub.domain.errors import ForbiddenError, UnavailableError
from plughub.domain.names import shorten
from plughub.domain.secret_values import shown_command
from plughub.domain.timings import ADD_USER_SECONDS
from plughub.domain.words import _

_SAFE_ARGUMENT: Final = re.compile(r"[^\s:,\-][^\s:,]*")
"""A name that is neither an option of a command nor more than one field of an account file."""


class LocalAuthenticator(Authenticator):
    """Authenticator whose users are system users.

    Queries of the name service may block, so these methods are plain functions, which the hub runs in
    threads.
    """

    create_system_users = Bool(
        default_value=False, help="Create the system user of a user if it does not exist."
    ).tag(config=True)

    add_user_cmd = Command(
        help="""Command that creates a system user. USERNAME in its arguments is replaced by the username,
        which is also appended as the last argument.
        """
    ).tag(config=True)

    uids = Dict(
        key_trait=Unicode(),
        value_trait=Integer(),
        help="Mapping from usernames to uids, which are passed to add_user_cmd with --uid.",
    ).tag(config=True)

    allowed_groups = Set(Unicode(), help="System groups whose members may log in.").tag(
        config=True, allow_config=True
    )

    group_whitelist = Set(
        Unicode(), help="Deprecated: set allowed_groups. If both are set, their values must be equal."
    ).tag(config=True)

    @observe("group_whitelist")
    def _use_old_allowed_groups(self, _: Mapping[str, Any]) -> None:
        self._use_old_name("group_whitelist", "allowed_groups")

    def check_allowed(self, username: str, authentication: AuthModel | None = None) -> Any:
        """Allow members of allowed_groups, and users whom `Authenticator.check_allowed` allows."""
        member = self.check_allowed_groups(username, authentication)
        by_name = super().check_allowed(username, authentication)
        return _either(member, by_name) if inspect.isawaitable(member) else member or by_name

    def check_allowed_groups(
        self,
        username: str,
        authentication: AuthModel | None = None,  # noqa: ARG002 - for subclasses
    ) -> Any:
        """Return whether a user is a member of one of allowed_groups.

        Args:
            username: the normalised name.
            authentication: the auth model of this login.

        Returns:
            True if the user is a member. May be a coroutine.
        """
        return bool(self.allowed_groups) and self.is_member(username, self.allowed_groups, "allowed_groups")

    def is_member(self, username: str, groups: set[str], setting: str) -> bool:
        """Return whether a system user is a member of at least one group.

        Args:
            username: the name.
            groups: names of groups; those that do not exist are logged and ignored.
            setting: name of the setting that lists them, for the log.
        """
        wanted = {group: _number_of(group) for group in groups}
        for group in (group for group, number in wanted.items() if number is None):
            kind = type(self).__name__
            self.log.error("c.%s.%s: system group not found: %s", kind, setting, shorten(group))
        return bool(set(wanted.values()) & self.group_ids(username))

    def group_ids(self, username: str) -> set[int]:
        """Return the gids of a system user's groups.

        Args:
            username: the name.

        Returns:
            The gids; none if the user does not exist.
        """
        try:
            return set(os.getgrouplist(username, pwd.getpwnam(username).pw_gid))
        except KeyError:
            return set()

    def group_names(self, username: str) -> list[str]:
        """Return the names of a system user's groups.

        Args:
            username: the name.

        Returns:
            The names in order, without groups that have none.
        """
        found = set()
        for number in self.group_ids(username):
            try:
                found.add(grp.getgrgid(number).gr_name)
            except KeyError:
                continue
        return sorted(found)

    def system_user_exists(self, user: NamedUser) -> bool:
        """Return whether a system user with the user's name exists.

        Args:
            user: has ``name``.
        """
        try:
            pwd.getpwnam(user.name)
        except KeyError:
            return False
        return True

    def is_refused(self, username: str) -> bool:
        """Return whether a name is that of a system account that is not in ``c.SystemAccounts.allowed``.

        Args:
            username: the name.
        """
        try:
            number = pwd.getpwnam(username).pw_uid
        except (KeyError, ValueError):
            return False
        return SystemAccounts(config=self.config).refuses(username, number)

    async def rename_user(self, user: NamedUser, name: str) -> None:
        """Refuse the name of a system account.

        Args:
            user: has the current ``name``.
            name: the new name.

        Raises:
            ForbiddenError: the name is that of a system account that is not allowed.
        """
        await _result(super().rename_user(user, name))
        await self._check_account(name)

    async def _check_account(self, name: str) -> None:
        if await asyncio.to_thread(self.is_refused, name):
            raise ForbiddenError(
                _(
                    "%(name)s is a system account of this machine, not the account of a person.",
                    name=shorten(name),
                )
            )

    async def add_user(self, user: NamedUser) -> None:
        """Ensure that the system user exists.

        Args:
            user: has ``name``.

        Raises:
            ForbiddenError: the system user does not exist and create_system_users is not set, or the name is
                that of a
                system account.
            UnavailableError: the system user could not be created.
        """
        await _result(super().add_user(user))
        await self._check_account(user.name)
        if await asyncio.to_thread(self.system_user_exists, user):
            return
        if not self.create_system_users:
            self.log.error(
                "system user not found: %s; c.%s.create_system_users = True would create it",
                shorten(user.name),
                type(self).__name__,
            )
            raise ForbiddenError(
                _("This machine has no user %(user)s. Ask the administrator of this hub.", user=user.name)
            )
        await asyncio.to_thread(self.add_system_user, user)

    def add_system_user(self, user: NamedUser) -> None:
        """Create a system user with add_user_cmd.

        Args:
            user: has ``name``.

        Raises:
            ForbiddenError: the name is not safe as an argument of the command.
            UnavailableError: the command failed.
        """
        if not _SAFE_ARGUMENT.fullmatch(user.name):
            raise ForbiddenError(
                _("%(user)s cannot be the name of a user of this machine.", user=shorten(user.name))
            )
        command = [part.replace("USERNAME", user.name) for part in self.add_user_cmd]
        if user.name in self.uids:
            command += ["--uid", str(self.uids[user.name])]
        command.append(user.name)
        self.log.info("creating a system user: %s", shown_command(command))
        self._run(command)

    def _run(self, command: list[str]) -> None:
        problem = ""
        try:
            subprocess.run(  # noqa: S603 - the administrator's command, the name is checked
                command, check=True, capture_output=True, timeout=ADD_USER_SECONDS, stdin=subprocess.DEVNULL
            )
        except subprocess.CalledProcessError as error:
            problem = f"exit code {error.returncode}: {error.stderr.decode(errors='replace').strip()[-500:]}"
        except (OSError, subprocess.TimeoutExpired) as error:
            problem = str(error)
        if problem:
            kind = type(self).__name__
            self.log.error("c.%s.add_user_cmd failed: %s", kind, problem)
            raise UnavailableError("The system user could not be created; the hub's log contains the reason.")

    @default("add_user_cmd")
    def _default_add_user_cmd(self) -> list[str]:
        if shutil.which("pw"):
            return ["pw", "useradd", "-m", "-n"]
        return ["adduser", "-q", "--gecos", "", "--disabled-password"]


async def _result(answer: Any) -> None:
    """Await the result of a method of another class, which may be synchronous."""
    if inspect.isawaitable(answer):
        await answer


async def _either(first: Awaitable[Any], second: object) -> object:
    return await first or second


def _number_of(group: str) -> int | None:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None
