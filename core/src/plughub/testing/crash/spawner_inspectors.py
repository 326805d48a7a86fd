"""Inspectors of what spawners launch, independent of the hub that is killed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Final, Protocol

import psutil

from plughub.domain.errors import StartError

GROUP: Final = "plughub.crash"
"""Entry points by which plugins provide the inspector of their spawner."""
_SERVICE: Final = "PLUGHUB_SERVICE"


class SpawnerInspector(Protocol):
    """Access to the servers of one spawner without its hub.

    Attributes:
        plugin: name of the spawner's plugin.
        config: lines of the configuration file that make the spawner run
            `plughub.testing.socket_server`.
    """

    plugin: str
    config: str

    def launches(self, mark: str) -> Iterable[str]:
        """Return the operation of each server that carries a mark, running or not, once for each server."""

    def environment(self, mark: str, user: str) -> Mapping[str, str]:
        """Return the environment variables of a user's server; empty when none runs."""

    def kill(self, mark: str, user: str) -> None:
        """Kill the servers of a user without telling the hub."""

    def close(self) -> None:
        """Remove everything that remains."""


class Processes:
    """Inspector of servers that are processes of this machine."""

    plugin = "simple"
    config = f"""
import os
c.Spawner.cmd = [{sys.executable!r}, "-m", "plughub.testing.socket_server"]
c.SimpleLocalProcessSpawner.home_dir_template = os.path.abspath("homes/{{username}}")
"""

    def launches(self, mark: str) -> Iterator[str]:
        """Return the operation of every process that carries the mark and leads its session."""
        for _, environment in self._leaders(mark):
            yield environment["PLUGHUB_OPERATION"]

    def environment(self, mark: str, user: str) -> Mapping[str, str]:
        """Return the environment variables of a user's server."""
        found = (environment for _, environment in self._leaders(mark, user))
        return next(found, {})

    def kill(self, mark: str, user: str) -> None:
        """Kill the servers of a user."""
        for process, _ in self._leaders(mark, user):
            with contextlib.suppress(psutil.Error):
                process.kill()

    def close(self) -> None:
        """Do nothing: no resource outlives the folder of the hub."""

    def _leaders(self, mark: str, user: str = "") -> Iterator[tuple[psutil.Process, Mapping[str, str]]]:
        for process, environment in _leaders(mark):
            owner = environment.get("JUPYTERHUB_USER", "")
            if _SERVICE not in environment and user in {"", owner}:
                yield process, environment


def services_of(mark: str) -> Iterator[tuple[psutil.Process, Mapping[str, str]]]:
    """Find the managed services of a hub on this machine.

    Args:
        mark: of the hub.

    Yields:
        The topmost process of each service, with its environment variables.
    """
    for process, environment in _leaders(mark):
        if _SERVICE in environment:
            yield process, environment


def _leaders(mark: str) -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            environment = process.environ()
            if environment.get("PLUGHUB_MARK") != mark or "PLUGHUB_OPERATION" not in environment:
                continue
            parent = process.parent()
            inherited = parent.environ().get("PLUGHUB_OPERATION") if parent and parent.pid != 1 else None
        except psutil.Error:
            continue
        if inherited != environment["PLUGHUB_OPERATION"]:
            yield process, environment


def inspector_named(name: str) -> SpawnerInspector:
    """Make the inspector of a spawner.

    Args:
        name: of its plugin.

    Returns:
        The inspector. The caller closes it.

    Raises:
        StartError: no installed plugin provides one.
    """
    if name == Processes.plugin:
        return Processes()
    for found in entry_points(group=GROUP, name=name):
        inspector: SpawnerInspector = found.load()()
        return inspector
    known = ", ".join([Processes.plugin, *sorted(found.name for found in entry_points(group=GROUP))])
    raise StartError(f"no plugin provides an inspector for servers of {name!r}; choose one of {known}")
