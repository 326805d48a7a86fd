"""Checks that files and folders of the hub can be written, which change nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from plughub.domain.errors import StartError, exit_code_of


def check_writable(path: str | Path, setting: str) -> None:
    """Check that a file can be written, or created if it does not exist.

    Args:
        path: of the file; empty for none.
        setting: that names the file.

    Raises:
        StartError: it cannot be written.
    """
    file = Path(path).absolute()
    if _is_folder(file):
        number = errno.EISDIR
    else:
        number = _obstacle(file) if _exists(file) else _obstacle_in(file.parent)
    if path and number:
        error = OSError(number, os.strerror(number))
        raise StartError(
            f"c.JupyterHub.{setting}: {path} cannot be written: {error.strerror}",
            hint="create the folder, or correct the setting" if number == errno.ENOENT else "",
            exit_code=exit_code_of(error),
        )


def check_folder(path: str | Path, setting: str) -> None:
    """Check that a folder, which the hub creates with its parents, can be used.

    Args:
        path: of the folder.
        setting: that names the folder.

    Raises:
        StartError: it cannot be created or written.
    """
    folder = Path(path).absolute()
    existing = next(place for place in (folder, *folder.parents) if _exists(place))
    number = _obstacle_in(existing)
    if number:
        error = OSError(number, os.strerror(number))
        raise StartError(
            f"c.JupyterHub.{setting}: the folder {folder} cannot be created or written: {error.strerror}",
            exit_code=exit_code_of(error),
        )


def _obstacle_in(folder: Path) -> int:
    """Return the error number of the creation of a file in a folder; 0 if it is allowed."""
    return errno.ENOTDIR if _exists(folder) and not _is_folder(folder) else _obstacle(folder)


def _exists(place: Path) -> bool:
    """Return whether something is there; False if a folder above it may not be entered."""
    return os.path.exists(place)  # noqa: PTH110 - Path.exists raises PermissionError


def _is_folder(place: Path) -> bool:
    """Return whether a folder is there; False if a folder above it may not be entered."""
    return os.path.isdir(place)  # noqa: PTH112 - Path.is_dir raises PermissionError


def _obstacle(place: Path) -> int:
    """Return the error number of a write to a file or folder; 0 if it is allowed."""
    try:
        place.stat()
    except OSError as error:
        return error.errno or errno.EIO
    if _is_folder(place):
        return 0 if os.access(place, os.W_OK | os.X_OK) else errno.EACCES
    return 0 if os.access(place, os.W_OK) else errno.EACCES
