"""Servers in containers, each run as the system user whose it is, in her home folder."""

from __future__ import annotations

import pwd
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from traitlets import Bool, CaselessStrEnum, Integer, Unicode, default

from plughub.spawner import SpawnFailed
from plughub.utils import SystemAccounts
from plughub_docker.faults import naming
from plughub_docker.spawner import DockerSpawner
from plughub_docker.templates import fill_in_all

ROOT: Final = 0

_RIGHTS: Final = (
    "GRANT_SUDO",
    "NB_UMASK",
    "CHOWN_HOME",
    "CHOWN_HOME_OPTS",
    "CHOWN_EXTRA",
    "CHOWN_EXTRA_OPTS",
)
"""Further variables by which images that begin as root, such as those of Jupyter, hand out rights."""


class SystemUserSpawner(DockerSpawner):
    """Runs each server in a container as the system user of that name, with her home folder mounted."""

    label: ClassVar[str] = "Docker, as system user"

    host_homedir_format_string = Unicode(
        allow_none=True,
        help="Home folder on the engine's machine, with {username}; that of the user database when not set.",
    ).tag(config=True)
    image_homedir_format_string = Unicode(
        "/home/{username}", help="Where the home folder stands in the container, with {username}."
    ).tag(config=True)
    homedir_bind_propagation = CaselessStrEnum(
        ["", "private", "rprivate", "shared", "rshared", "slave", "rslave"],
        default_value="",
        help="Whether what is mounted below the home folder later is seen on the other side: private, "
        "rprivate, shared, rshared, slave or rslave; what the engine takes when not set.",
    ).tag(config=True)
    run_as_root = Bool(
        False,
        help="Start the container as root; the image then changes to the user that NB_USER, NB_UID and "
        "NB_GID name.",
    ).tag(config=True)
    allow_root = Bool(
        False,
        help="Let users of the hub who have the number 0 on its machine have servers, as "
        "c.SystemAccounts.allowed does for any account of the system. Such a server is root, on whatever is "
        "mounted too.",
    ).tag(config=True)
    user_id = Integer(help="Number of the system user.")
    group_id = Integer(help="Number of her group.")

    @default("user_id")
    def _default_user_id(self) -> int:
        return self.account.pw_uid

    @default("group_id")
    def _default_group_id(self) -> int:
        return self.account.pw_gid

    @property
    def account(self) -> pwd.struct_passwd:
        """The entry in the user database.

        Raises:
            SpawnFailed: there is none.
        """
        try:
            return pwd.getpwnam(self.user.name)
        except (KeyError, ValueError) as error:
            raise SpawnFailed(
                f"there is no account {self.user.name!r} on the machine of the hub",
                detail="SystemUserSpawner needs one: create the system user",
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
        """Add what a login sets, and what images read that change the user themselves."""
        return {**self._identity(), **super().get_env()}

    async def choose(self) -> None:
        """Take over what the user chose, unless the user is an account of the system.

        Raises:
            SpawnFailed: the user may not have it, or no server at all.
        """
        root_is_allowed = self.user_id == ROOT and self.allow_root
        if not root_is_allowed and SystemAccounts(config=self.config).refuses(self.user.name, self.user_id):
            raise SpawnFailed(
                f"{self.user.name!r} is an account of the hub's machine itself, not of a person, and has no "
                "server. Log in under another name.",
                status=403,
                retry=False,
            )
        await super().choose()

    async def checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Check options; as whom the server runs is not up for choice.

        Args:
            options: what the user asks for.

        Returns:
            What she may have, by setting.

        Raises:
            SpawnFailed: she may not have it.
        """
        chosen = await super().checked(options)
        if taken := sorted({*chosen.get("chosen_environment", ())} & {*self._identity(), *_RIGHTS}):
            raise SpawnFailed(
                f"the environment variable {taken[0]} cannot be chosen: it says as whom the server runs",
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
        """Give user and folder of the container."""
        user = "0" if self.run_as_root else f"{self.user_id}:{self.group_id}"
        return {**super().own_arguments(), "user": user, "working_dir": self.homedir}

    def own_mounts(self) -> list[Mapping[str, Any]]:
        """Mount the home folder; the engine refuses one that is missing instead of making it."""
        home: dict[str, Any] = {"type": "bind", "source": self.host_homedir, "target": self.homedir}
        if self.homedir_bind_propagation:
            home["propagation"] = self.homedir_bind_propagation.lower()
        return [*super().own_mounts(), home]

    def _folder(self, template: str) -> str:
        names = {**self.template_namespace(), "username": self.account.pw_name}
        with naming(
            "SystemUserSpawner.host_homedir_format_string", "SystemUserSpawner.image_homedir_format_string"
        ):
            return fill_in_all(template, names)
