"""A separate engine for tests, which they may restart."""

from __future__ import annotations

import socket
import subprocess
from typing import Any

import docker

from plughub.testing.conditions import wait_for
from plughub_docker.testing.engine_places import EnginePlace


class OwnEngine:
    """A second engine on the machine, with its own files and bridge.

    Args:
        place: its files, bridge and addresses.
        arguments: further arguments of ``dockerd``.
    """

    def __init__(self, place: EnginePlace, *arguments: str) -> None:
        folder = place.folder
        self.address = f"unix://{folder}/s"
        self._log = folder / "log"
        self._command = ["dockerd", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
        # Without a bridge of its own it would take over that of the machine's engine. An engine with
        # --default-address-pool would remove that bridge, docker0, whenever it starts again.
        self._command += ["--pidfile", f"{folder}/pid", f"--bridge={place.bridge}"]
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
