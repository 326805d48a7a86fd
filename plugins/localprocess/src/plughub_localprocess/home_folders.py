"""Home folders of users without an account on this machine."""

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
    """Return a user's folder with JupyterHub's name for it, or with an earlier version's if only that exists.

    Args:
        template: path with ``{username}``.
        username: any name.

    Returns:
        The path. The folder may not exist yet.
    """
    home, former = (
        template.format(username=name) for name in (folder_name(username), escaped_name(username))
    )
    if former == home or not _is_own_folder(former):
        return home
    if not os.path.lexists(home):
        return former
    log.warning(
        "user %s has two home folders: %s is used, and %s contains files of an earlier version. Move the "
        "files that are needed, and remove the second folder",
        username,
        home,
        former,
    )
    return home


def folder_name(username: str) -> str:
    """Return the folder name for a user: unique, the same as JupyterHub's, and never a path or hidden."""
    harmless = username.isprintable() and "/" not in username and not username.startswith(".")
    # A name that looks escaped could collide with the escaped name of another user.
    return username if harmless and not _ESCAPE.search(username) else escaped_name(username)


def escaped_name(username: str) -> str:
    """Escape a username; earlier versions escaped all folder names."""
    name = quote(username, safe=_UNCHANGED)
    return f"%2E{name[1:]}" if name.startswith(".") else name


def _is_own_folder(path: str) -> bool:
    try:
        found = Path(path).lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
