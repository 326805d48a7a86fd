"""System accounts that servers run as."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plughub.spawner import SpawnFailed
from plughub.utils import SystemAccounts

if TYPE_CHECKING:
    from traitlets.config import Config


@dataclass(frozen=True, slots=True)
class Account:
    """A system account.

    Attributes:
        name: login name.
        uid: user id.
        gid: id of the primary group.
        groups: ids of all groups.
        home: home folder.
        shell: login shell.
    """

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    shell: str


def find_account(name: str, *, create: bool = False) -> Account:
    """Return the system account of a user.

    Args:
        name: login name.
        create: create the account if it is missing.

    Raises:
        SpawnFailed: there is no such account on this machine.
    """
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        if create:
            create_account(name)
            return find_account(name)
        raise SpawnFailed(
            f"there is no account {name!r} on the machine of the hub",
            detail="create the system user (useradd --create-home), set "
            "LocalProcessSpawner.create_system_users, or use the plugin 'simple', which needs none",
            retry=False,
        ) from None
    return Account(
        name=entry.pw_name,
        uid=entry.pw_uid,
        gid=entry.pw_gid,
        groups=tuple(os.getgrouplist(entry.pw_name, entry.pw_gid)),
        home=entry.pw_dir,
        shell=entry.pw_shell or "/bin/sh",
    )


def create_account(name: str) -> None:
    """Create a system account with a home folder.

    Raises:
        SpawnFailed: the system refuses.
    """
    try:
        subprocess.run(  # noqa: S603 - the name is an argument of its own, after the options
            ["/usr/sbin/useradd", "--create-home", "--", name], check=True, capture_output=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError) as error:
        output = getattr(error, "stderr", b"") or str(error).encode()
        raise SpawnFailed(
            f"the account {name!r} cannot be created on the machine of the hub",
            detail=output.decode(errors="replace").strip(),
            retry=False,
        ) from error


def refuse_system_account(account: Account, config: Config) -> None:
    """Refuse an account that belongs to the system instead of a person.

    Raises:
        SpawnFailed: it is a system account that ``c.SystemAccounts.allowed`` does not list.
    """
    if SystemAccounts(config=config).refuses(account.name, account.uid):
        raise SpawnFailed(
            f"{account.name!r} is a system account of this machine, not the account of a person, and cannot "
            "have a server. Log in under another name.",
            status=403,
            retry=False,
        )


def refuse_notebook_as_root(config: Config) -> None:
    """Refuse to run a notebook server as the hub's own user if that is root.

    Raises:
        SpawnFailed: ``c.SystemAccounts.allowed`` does not list root.
    """
    name = _own_name()
    if SystemAccounts(config=config).refuses(name, os.geteuid()):
        raise SpawnFailed(
            "this hub runs no notebook server as root",
            detail=f"the plugin 'simple' runs servers as the hub's user, which is {name!r}: run the hub as "
            "another user, use the plugin 'localprocess' or containers, or allow it with "
            f"c.SystemAccounts.allowed = {{{name!r}}}",
            status=403,
            retry=False,
        )


def check_permission_to_switch(account: Account) -> None:
    """Check that the hub may start processes as a user.

    Raises:
        SpawnFailed: it may not.
    """
    if os.geteuid() not in {0, account.uid}:
        raise SpawnFailed(
            f"the hub cannot start a server as {account.name!r}",
            detail=f"it runs as {_own_name()!r}: run the hub as root, or use the plugin 'simple', which runs "
            "all servers as the hub's own user",
            retry=False,
        )


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
