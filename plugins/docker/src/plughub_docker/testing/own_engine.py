"""A separate engine for tests, which they may restart."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import Any

import docker

from plughub.testing.conditions import wait_for


class OwnEngine:
    """A second engine on the machine, with its own files and bridge.

    Args:
        folder: folder for all its files, with a short path.
        bridge: bridge of its own; without one it would take over the bridge of the machine's engine.
        arguments: further arguments of ``dockerd``.
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
        with socket.socket(socket.AF_UNIX) as probe:  # the Docker client would leave its socket open
            return probe.connect_ex(self.address.removeprefix("unix://")) == 0 and bool(self.client.ping())
