"""A real JupyterHub in a process of its own, for tests of moving from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from plughub.testing.client import ApiClient
from plughub.testing.conditions import wait_for
from plughub.testing.quick import starts

_STOP_SECONDS: Final = 30
_LOG: Final = "jupyterhub.log"


@starts
class JupyterHubProcess:
    """The command ``jupyterhub``, run in a folder with a config file until the block ends.

    Args:
        folder: its working directory.
        url: of the hub, with a slash at the end.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def __enter__(self) -> Self:
        with (self.folder / _LOG).open("ab") as log:
            command = [sys.executable, "-m", "jupyterhub"]
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        try:
            wait_for(lambda: self._answers() or self.process.poll() is not None)
            assert self.process.poll() is None, self.output
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()

    @property
    def output(self) -> str:
        """Its log since the first start in the folder."""
        return (self.folder / _LOG).read_text(errors="replace")

    def _answers(self) -> bool:
        try:
            return bool(ApiClient(self.url, "")("GET", "/").body["version"])
        except (OSError, ValueError, TypeError):
            return False
