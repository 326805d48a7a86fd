"""The folders of users who have no account on this machine."""

from __future__ import annotations

import logging
import os
import re
import stat
from pathlib import Path
from typing import Final
from urllib.parse import quote

log = logging.getLogger("plughub.localprocess")
_ESCAPE: Final = re.compile("%[0-9A-Fa-f]{2}")
_UNCHANGED: Final = "@!:$&'()*+,;= "


def find_home(template: str, username: str) -> str:
    """Return the folder of a user: as JupyterHub names it, or as an earlier version when only that exists.

    Args:
        template: path with ``{username}``.
        username: any name.

    Returns:
        The path. The folder need not exist.
    """
    home, former = (
        template.format(username=name) for name in (folder_name(username), escaped_name(username))
    )
    if former == home or not _is_own_folder(former):
        return home
    if not os.path.lexists(home):
        return former
    log.warning(
        "user %s has two home folders: %s is used, %s has files of an earlier version. Move what is needed "
        "and remove the second one",
        username,
        home,
        former,
    )
    return home


def folder_name(username: str) -> str:
    """Make a username the name of one folder, different for each user, and as JupyterHub names it.

    Args:
        username: any name.

    Returns:
        The name itself where it is harmless, else escaped: never a path, never dots only, never hidden.
    """
    harmless = username.isprintable() and "/" not in username and not username.startswith(".")
    # What looks like an escaped name could be that of another user.
    return username if harmless and not _ESCAPE.search(username) else escaped_name(username)


def escaped_name(username: str) -> str:
    """Escape a username; earlier versions named all folders so.

    Args:
        username: any name.

    Returns:
        The name of the folder.
    """
    name = quote(username, safe=_UNCHANGED)
    return f"%2E{name[1:]}" if name.startswith(".") else name


def _is_own_folder(path: str) -> bool:
    try:
        found = Path(path).lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
