"""PID file of a hub."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from plughub.domain.errors import StartError, exit_code_of

log = logging.getLogger("plughub")


class PidFile:
    """PID file that exists while the hub runs.

    Args:
        path: of the file; empty for none.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None

    def write(self) -> None:
        """Write the process ID.

        Raises:
            StartError: the file cannot be written.
        """
        if self._path is not None:
            with _named(self._path):
                self._path.write_text(f"{os.getpid()}\n")

    def remove(self) -> None:
        """Remove the file; a failure is only logged."""
        if self._path is not None:
            try:
                self._path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("c.JupyterHub.pid_file: %s cannot be removed: %s", self._path, error.strerror)


@contextlib.contextmanager
def _named(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartError(
            f"c.JupyterHub.pid_file: {file} cannot be written: {error.strerror}",
            exit_code=exit_code_of(error),
        ) from error
