"""Docker containers for the crash matrix: ``python -m plughub.testing.crash.matrix --spawners docker``."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import docker

from plughub.errors import StartError
from plughub.testing import socket_server
from plughub_docker.marks import MARK, OPERATION, USER
from plughub_docker.testing.images import build, distribution_paths, python_paths
from plughub_docker.testing.shared_engine import gateway_of

_SERVER: Final = "/opt/socket_server.py"
_TIMEOUT: Final = 60


class Containers:
    """Servers in containers on this machine's engine.

    Raises:
        StartError: no engine answers.
    """

    plugin = "docker"

    def __init__(self) -> None:
        try:
            self._engine = docker.APIClient(version="auto", timeout=_TIMEOUT)
        except docker.errors.DockerException as error:
            raise StartError(f"no Docker engine is available to this user: {error}") from error
        self._prefix = f"phcrash{secrets.token_hex(4)}"
        self.config = self._config(self._image())

    def launches(self, mark: str) -> Iterator[str]:
        """Yield the operation of every container under a mark, running or not."""
        for container in self._containers(f"{MARK}={mark}"):
            yield container["Labels"].get(OPERATION, "")

    def environment(self, mark: str, user: str) -> Mapping[str, str]:
        """Return the environment of a user's container."""
        for container in self._containers(f"{MARK}={mark}", f"{USER}={user}"):
            words = self._engine.inspect_container(container["Id"])["Config"]["Env"]
            return dict(word.split("=", 1) for word in words)
        return {}

    def kill(self, mark: str, user: str) -> None:
        """Kill the containers of a user."""
        for container in self._containers(f"{MARK}={mark}", f"{USER}={user}"):
            self._engine.kill(container["Id"])

    def close(self) -> None:
        """Remove all remaining containers."""
        for container in self._engine.containers(all=True, filters={"name": f"^/{self._prefix}"}):
            self._engine.remove_container(container["Id"], force=True, v=True)
        self._engine.close()

    def _containers(self, *labels: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self._engine.containers(all=True, filters={"label": list(labels)})
        return found

    def _image(self) -> str:
        paths = [*python_paths(), *distribution_paths("tornado")]
        if sys.prefix != sys.base_prefix:
            paths.append(Path(sys.prefix, "pyvenv.cfg"))
        files = {_SERVER: Path(socket_server.__file__).read_bytes()}
        return build(self._engine, "plughub-tests-crash", paths, files, ["USER 1000:1000"])

    def _config(self, image: str) -> str:
        gateway = gateway_of(self._engine)
        settings = {
            "image": image,
            "cmd": [str(Path(sys.prefix, "bin", "python")), _SERVER],
            "prefix": self._prefix,
            "remove": True,
            "stop_timeout": 2,
        }
        lines = [f"c.DockerSpawner.{name} = {value!r}\n" for name, value in settings.items()]
        lines += ["c.JupyterHub.hub_ip = '0.0.0.0'\n", f"c.JupyterHub.hub_connect_ip = {gateway!r}\n"]
        return "".join(lines)
