"""Spawner for containers that run as their user's system account, in its home folder."""

from __future__ import annotations

import pwd
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from traitlets import Bool, CaselessStrEnum, Integer, Unicode, default

from plughub.spawner import SpawnFailed
from plughub.utils import SystemAccounts
from plughub_docker.setting_errors import as_setting_error
from plughub_docker.spawner import DockerSpawner
from plughub_docker.templates import fill_in_all

ROOT: Final = 0

_PRIVILEGE_VARIABLES: Final = (
    "GRANT_SUDO",
    "NB_UMASK",
    "CHOWN_HOME",
    "CHOWN_HOME_OPTS",
    "CHOWN_EXTRA",
    "CHOWN_EXTRA_OPTS",
)
"""Variables by which images that start as root, such as Jupyter's, grant privileges."""


class SystemUserSpawner(DockerSpawner):
    """Spawner that runs each container as the system user of that name, with the home folder mounted."""

    label: ClassVar[str] = "Docker, as system user"

    host_homedir_format_string = Unicode(
        allow_none=True,
        help="Home folder on the engine's machine, with {username}. Default: the one in the user database.",
    ).tag(config=True)
    image_homedir_format_string = Unicode(
        "/home/{username}", help="Home folder in the container, with {username}."
    ).tag(config=True)
    homedir_bind_propagation = CaselessStrEnum(
        ["", "private", "rprivate", "shared", "rshared", "slave", "rslave"],
        default_value="",
        help="Mount propagation of the home folder: private, rprivate, shared, rshared, slave or rslave. "
        "Default: the engine's default.",
    ).tag(config=True)
    run_as_root = Bool(
        False,
        help="Start the container as root. The image must then switch to the user in NB_USER, NB_UID and "
        "NB_GID.",
    ).tag(config=True)
    allow_root = Bool(
        False,
        help="Allow servers for users whose system account has the number 0, as c.SystemAccounts.allowed "
        "does for any system account. Such a server runs as root, also on mounted folders.",
    ).tag(config=True)
    user_id = Integer(help="Number of the system user.")
    group_id = Integer(help="Number of the user's primary group.")

    @default("user_id")
    def _default_user_id(self) -> int:
        return self.account.pw_uid

    @default("group_id")
    def _default_group_id(self) -> int:
        return self.account.pw_gid

    @property
    def account(self) -> pwd.struct_passwd:
        """Entry in the user database.

        Raises:
            SpawnFailed: there is none.
        """
        try:
            return pwd.getpwnam(self.user.name)
        except (KeyError, ValueError) as error:
            raise SpawnFailed(
                f"there is no account {self.user.name!r} on the machine of the hub",
                detail="SystemUserSpawner needs a system account: create the system user",
                retry=False,
            ) from error

    @property
    def host_homedir(self) -> str:
        """Home folder on the engine's machine."""
        template = self.host_homedir_format_string
        return self._folder(template) if template else self.account.pw_dir

    @property
    def homedir(self) -> str:
        """Home folder inside the container."""
        return self._folder(self.image_homedir_format_string)

    def get_env(self) -> dict[str, str]:
        """Add the variables that a login sets, and those that images read to switch to the user."""
        return {**self._identity(), **super().get_env()}

    async def choose(self, image: str | None = None) -> None:
        """Apply the user's options, after refusing system accounts.

        Args:
            image: image that a subclass has chosen.

        Raises:
            SpawnFailed: an option is not allowed, or the user is a system account.
        """
        root_is_allowed = self.user_id == ROOT and self.allow_root
        if not root_is_allowed and SystemAccounts(config=self.config).refuses(self.user.name, self.user_id):
            raise SpawnFailed(
                f"{self.user.name!r} is a system account of the hub's machine, not the account of a person, "
                "and cannot have a server. Log in under another name.",
                status=403,
                retry=False,
            )
        await super().choose(image)

    async def checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Check options, and refuse variables that determine which user the server runs as.

        Raises:
            SpawnFailed: an option is not allowed.
        """
        chosen = await super().checked(options)
        if taken := sorted(
            {*chosen.get("chosen_environment", ())} & {*self._identity(), *_PRIVILEGE_VARIABLES}
        ):
            raise SpawnFailed(
                f"the environment variable {taken[0]} is not allowed: it determines which user the server "
                "runs as",
                status=400,
                retry=False,
            )
        return chosen

    def _identity(self) -> dict[str, str]:
        name = self.user.name
        return {
            "USER": name,
            "LOGNAME": name,
            "HOME": self.homedir,
            "USER_ID": str(self.user_id),
            "NB_USER": name,
            "NB_UID": str(self.user_id),
            "NB_GID": str(self.group_id),
        }

    def own_arguments(self) -> dict[str, Any]:
        """Return user and working directory of the container."""
        user = "0" if self.run_as_root else f"{self.user_id}:{self.group_id}"
        return {**super().own_arguments(), "user": user, "working_dir": self.homedir}

    def own_mounts(self) -> list[Mapping[str, Any]]:
        """Add the mount of the home folder; unlike a bind, it fails when the folder is missing."""
        home: dict[str, Any] = {"type": "bind", "source": self.host_homedir, "target": self.homedir}
        if self.homedir_bind_propagation:
            home["propagation"] = self.homedir_bind_propagation.lower()
        return [*super().own_mounts(), home]

    def _folder(self, template: str) -> str:
        names = {**self.template_namespace(), "username": self.account.pw_name}
        with as_setting_error(
            "SystemUserSpawner.host_homedir_format_string", "SystemUserSpawner.image_homedir_format_string"
        ):
            return fill_in_all(template, names)
