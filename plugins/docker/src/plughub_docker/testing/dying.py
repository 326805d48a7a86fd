"""Hubs that die right after the engine did something, before they hear of it."""

from __future__ import annotations

from typing import Final

from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess

_ORDER: Final = "die-after"

CONFIG: Final = f"""
import os, pathlib, signal
import docker

def _deadly(name):
    really, order = getattr(docker.APIClient, name), pathlib.Path({_ORDER!r}).absolute()
    def asked(*args, **kwargs):
        answer = really(*args, **kwargs)
        if order.exists() and order.read_text() == name:
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    setattr(docker.APIClient, name, asked)

for _name in ("create_container", "put_archive", "remove_container", "create_secret", "create_service",
              "remove_service", "remove_secret"):
    _deadly(_name)
"""
"""Lines of a configuration file that teach a hub to die."""


def die_after(hub: HubProcess, request: str) -> None:
    """Let a hub die after its next request of a kind.

    Args:
        hub: with the lines of `CONFIG`.
        request: name of the method of `docker.APIClient`.
    """
    (hub.folder / _ORDER).write_text(request)


def come_back(hub: HubProcess) -> None:
    """Wait until a hub has died as it was told to, and start it again.

    Args:
        hub: the hub.

    Raises:
        AssertionError: it does not die.
    """
    wait_for(lambda: not (hub.folder / _ORDER).exists() and not hub.is_running)
    hub.kill()
    hub.start()
