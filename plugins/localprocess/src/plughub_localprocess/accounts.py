"""System users: who a server runs as."""

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
    """A system user.

    Attributes:
        name: login name.
        uid: number of the user.
        gid: number of her first group.
        groups: numbers of all her groups.
        home: her home folder.
        shell: her login shell.
    """

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    shell: str


def find_account(name: str, *, create: bool = False) -> Account:
    """Look a system user up.

    Args:
        name: login name.
        create: make the user when there is none.

    Returns:
        The account.

    Raises:
        SpawnFailed: there is no such user on this machine.
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
    """Make a system user with a home folder.

    Args:
        name: login name.

    Raises:
        SpawnFailed: the system refuses.
    """
    try:
        subprocess.run(  # noqa: S603 - the name is an argument of its own, after the options
            ["/usr/sbin/useradd", "--create-home", "--", name], check=True, capture_output=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", b"") or str(error).encode()
        raise SpawnFailed(
            f"the account {name!r} cannot be created on the machine of the hub",
            detail=said.decode(errors="replace").strip(),
            retry=False,
        ) from error


def check_person(account: Account, config: Config) -> None:
    """Make sure that an account is that of a person, and not of the system itself.

    Args:
        account: the user.
        config: of the hub.

    Raises:
        SpawnFailed: it is the system's, and ``c.SystemAccounts.allowed`` does not name it.
    """
    if SystemAccounts(config=config).refuses(account.name, account.uid):
        raise SpawnFailed(
            f"{account.name!r} is an account of this machine itself, not of a person, and has no server. "
            "Log in under another name.",
            status=403,
            retry=False,
        )


def check_switch(account: Account) -> None:
    """Make sure that the hub may start processes as a user.

    Args:
        account: the user.

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
