"""Servers as processes of the hub's own user, each in a folder of its own."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import ClassVar

from traitlets import Unicode, default

from plughub.spawner import SpawnFailed
from plughub_localprocess.accounts import Account
from plughub_localprocess.homes import find_home
from plughub_localprocess.spawner import LocalProcessSpawner


class SimpleLocalProcessSpawner(LocalProcessSpawner):
    """Runs all servers as the user who runs the hub. For trying things out: users are not kept apart."""

    label: ClassVar[str] = "This machine (no system users)"
    own_accounts: ClassVar[bool] = False

    home_dir_template = Unicode(
        f"{tempfile.gettempdir()}/{{username}}",
        help="Folder of a user, created when it is missing. {username} is the name itself, as in JupyterHub; "
        "names that could lead elsewhere (a slash or a dot in front, control characters, ``%`` and two "
        "hexadecimal digits) are escaped.",
    ).tag(config=True)
    home_dir = Unicode(help="Folder of this server's user.")

    @default("home_dir")
    def _default_home_dir(self) -> str:
        return find_home(self.home_dir_template, self.user.name)

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Add what a login sets, for the folder of the user."""
        return {
            **env,
            "USER": self.user.name,
            "LOGNAME": self.user.name,
            "HOME": self.home_dir,
            "SHELL": "/bin/bash",
        }

    def folder(self) -> str:
        """Where the server runs; it is created for the hub's user alone."""
        home = Path(self.home_dir).absolute()
        try:
            home.parent.mkdir(parents=True, exist_ok=True)
            home.mkdir(mode=0o700, exist_ok=True)
            found = home.lstat()
        except OSError as error:
            raise SpawnFailed(
                "the home folder of the server cannot be made",
                detail=f"{str(home)!r} (SimpleLocalProcessSpawner.home_dir_template): {error.strerror}",
            ) from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise SpawnFailed(
                "the home folder of the server belongs to somebody else",
                detail=f"{str(home)!r} (SimpleLocalProcessSpawner.home_dir_template) is another user's, or a "
                "link; remove it, or choose another place",
                retry=False,
            )
        return str(home)

    def switch_to(self) -> Account | None:
        """Nobody: the server runs as the hub's user."""
        return None
