"""An engine of the tests' own, which they may restart."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import Any

import docker

from plughub.testing.conditions import wait_for


class OwnEngine:
    """A second engine beside the machine's: with files and a bridge of its own.

    Args:
        folder: for everything, with a short path.
        bridge: a bridge; without one it would take away that of the machine's engine.
        arguments: of ``dockerd``.
    """

    def __init__(self, folder: Path, bridge: str, *arguments: str) -> None:
        self.address = f"unix://{folder}/s"
        self._log = folder / "log"
        self._command = ["dockerd", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
        self._command += ["--pidfile", f"{folder}/pid", f"--bridge={bridge}"]
        self._command += ["--iptables=false", "--ip-forward=false", "-H", self.address, *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self.client: Any = None

    def start(self) -> None:
        """Start the engine and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        self.client = docker.APIClient(self.address, version="1.40", timeout=60)
        wait_for(self._answers)

    def stop(self) -> None:
        """Stop the engine, as a reboot or an upgrade does."""
        assert self._process is not None
        self.client.close()
        self._process.terminate()
        self._process.wait(60)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-3000:]
        with socket.socket(socket.AF_UNIX) as probe:  # the client would leave its socket open
            return probe.connect_ex(self.address.removeprefix("unix://")) == 0 and bool(self.client.ping())
