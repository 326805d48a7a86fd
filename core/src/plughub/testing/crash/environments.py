"""Where servers run while the hub is killed: what has to be known of a spawner."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Final, Protocol

import psutil

from plughub.domain.errors import StartError

GROUP: Final = "plughub.crash"
"""Plugins say by an entry point of this group how what their spawner launches is looked at."""
_SERVICE: Final = "PLUGHUB_SERVICE"


class Environment(Protocol):
    """What has to be known of a spawner to crash hubs that use it.

    Attributes:
        plugin: name of the spawner's plugin.
        config: lines of the configuration file: what `plughub.testing.socket_server` does, run by this
            spawner.
    """

    plugin: str
    config: str

    def launches(self, mark: str) -> Iterable[str]:
        """Name the start of everything that there is under a mark, running or not, each time it is there."""

    def environment(self, mark: str, user: str) -> Mapping[str, str]:
        """Give the environment of a server of a user; empty when none runs."""

    def kill(self, mark: str, user: str) -> None:
        """End the servers of a user without the hub's knowledge."""

    def close(self) -> None:
        """Remove whatever is left."""


class Processes:
    """Servers that are processes of this machine."""

    plugin = "simple"
    config = f"""
import os
c.Spawner.cmd = [{sys.executable!r}, "-m", "plughub.testing.socket_server"]
c.SimpleLocalProcessSpawner.home_dir_template = os.path.abspath("homes/{{username}}")
"""

    def launches(self, mark: str) -> Iterator[str]:
        """Name the start of every process that carries the mark and leads its session."""
        for _, environment in self._leaders(mark):
            yield environment["PLUGHUB_OPERATION"]

    def environment(self, mark: str, user: str) -> Mapping[str, str]:
        """Give the environment of a server of a user."""
        found = (environment for _, environment in self._leaders(mark, user))
        return next(found, {})

    def kill(self, mark: str, user: str) -> None:
        """Kill the servers of a user."""
        for process, _ in self._leaders(mark, user):
            with contextlib.suppress(psutil.Error):
                process.kill()

    def close(self) -> None:
        """Nothing is left that does not end with the hub's folder."""

    def _leaders(self, mark: str, user: str = "") -> Iterator[tuple[psutil.Process, Mapping[str, str]]]:
        for process, environment in _leaders(mark):
            whose = environment.get("JUPYTERHUB_USER", "")
            if _SERVICE not in environment and user in {"", whose}:
                yield process, environment


def services_of(mark: str) -> Iterator[tuple[psutil.Process, Mapping[str, str]]]:
    """Find the services that a hub has started on this machine.

    Args:
        mark: of the hub.

    Yields:
        The process on top of each, with its environment.
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


def ground_named(name: str) -> Environment:
    """Make the ground of a spawner.

    Args:
        name: of its plugin.

    Returns:
        The ground; to be closed in the end.

    Raises:
        StartError: no installed plugin offers it.
    """
    if name == Processes.plugin:
        return Processes()
    for found in entry_points(group=GROUP, name=name):
        ground: Environment = found.load()()
        return ground
    known = ", ".join([Processes.plugin, *sorted(found.name for found in entry_points(group=GROUP))])
    raise StartError(f"no plugin says how servers of {name!r} are looked at; choose among {known}")
