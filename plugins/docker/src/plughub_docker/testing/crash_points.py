"""Hubs that die right after an engine request, before they receive its response."""

from __future__ import annotations

from typing import Final

from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess

_ORDER: Final = "die-after"

CONFIG: Final = f"""
import os, pathlib, signal
import docker

def _add_crash_point(name):
    really, order = getattr(docker.APIClient, name), pathlib.Path({_ORDER!r}).absolute()
    def call(*args, **kwargs):
        answer = really(*args, **kwargs)
        if order.exists() and order.read_text() == name:
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    setattr(docker.APIClient, name, call)

for _name in ("create_container", "put_archive", "remove_container", "create_secret", "create_service",
              "remove_service", "remove_secret"):
    _add_crash_point(_name)
"""
"""Lines of a configuration file that make a hub die at a crash point."""


def die_after(hub: HubProcess, request: str) -> None:
    """Make a hub die after its next request of a kind.

    Args:
        hub: hub with the lines of `CONFIG`.
        request: name of the method of `docker.APIClient`.
    """
    (hub.folder / _ORDER).write_text(request)


def restart_after_death(hub: HubProcess) -> None:
    """Wait until a hub has died at its crash point, and start it again.

    Raises:
        AssertionError: the hub does not die.
    """
    wait_for(lambda: not (hub.folder / _ORDER).exists() and not hub.is_running)
    hub.kill()
    hub.start()
