"""Spawner for servers that run as processes of the hub's own user, each in its own folder."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from traitlets import Unicode, default

from plughub.spawner import SpawnFailed
from plughub_localprocess.accounts import Account, refuse_notebook_as_root
from plughub_localprocess.home_folders import find_home
from plughub_localprocess.launch_errors import SINGLEUSER
from plughub_localprocess.spawner import LocalProcessSpawner


class SimpleLocalProcessSpawner(LocalProcessSpawner):
    """Spawner that runs all servers as the hub's user. For evaluation: users are not isolated."""

    label: ClassVar[str] = "This machine (no system users)"
    own_accounts: ClassVar[bool] = False

    home_dir_template = Unicode(
        f"{tempfile.gettempdir()}/{{username}}",
        help="Folder of a user, created if it is missing. {username} is the user's name, as in JupyterHub. "
        "Names that are unsafe in a path are escaped: those with a slash, a leading dot, control "
        "characters, or ``%`` and two hexadecimal digits.",
    ).tag(config=True)
    home_dir = Unicode(help="Folder of this server's user.")

    @default("home_dir")
    def _default_home_dir(self) -> str:
        return find_home(self.home_dir_template, self.user.name)

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Add the variables that a login sets, for the folder of the user."""
        return {
            **env,
            "USER": self.user.name,
            "LOGNAME": self.user.name,
            "HOME": self.home_dir,
            "SHELL": "/bin/bash",
        }

    def folder(self) -> str:
        """Return the working directory of the server, created with access for the hub's user only."""
        home = Path(self.home_dir).absolute()
        try:
            home.parent.mkdir(parents=True, exist_ok=True)
            home.mkdir(mode=0o700, exist_ok=True)
            found = home.lstat()
        except OSError as error:
            raise SpawnFailed(
                "the home folder of the server cannot be created",
                detail=f"{str(home)!r} (SimpleLocalProcessSpawner.home_dir_template): {error.strerror}",
            ) from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise SpawnFailed(
                "the home folder of the server belongs to another user",
                detail=f"{str(home)!r} (SimpleLocalProcessSpawner.home_dir_template) belongs to another "
                "user, or is a link; remove it, or choose another folder",
                retry=False,
            )
        return str(home)

    def switch_to(self) -> Account | None:
        """Return None: the server runs as the hub's user."""
        return None

    def _command(self, environment: Mapping[str, str]) -> list[str]:
        is_notebook = Path(self.cmd[0]).name == SINGLEUSER
        if is_notebook and os.geteuid() == 0 and "--allow-root" not in [*self.cmd, *self.get_args()]:
            refuse_notebook_as_root(self.config)
        return super()._command(environment)
