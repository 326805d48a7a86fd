"""Parts of the start of a hub process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

from tornado.netutil import bind_sockets

from plughub.app.service_settings import Addresses
from plughub.domain.errors import RETRY, PluginError, StartError, exit_code_of


class EndedEarlyError(Exception):
    """The hub was asked to end before it ran."""


async def unless_ended(ended: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do a part of the start that leaves nothing behind when it is cut off.

    Args:
        ended: set when the hub is to end.
        work: the part.

    Raises:
        EndedEarlyError: the hub is to end; the work was cancelled.
    """
    doing, ending = asyncio.create_task(work), asyncio.create_task(ended.wait())
    try:
        await asyncio.wait({doing, ending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        was_done = doing.done()
        for task in (doing, ending):
            task.cancel()
        await asyncio.wait({doing, ending})
    if not was_done:
        raise EndedEarlyError
    doing.result()


def listening_sockets(where: Addresses) -> list[socket.socket]:
    """Listen where proxy and servers reach the hub.

    Args:
        where: the addresses.

    Returns:
        The sockets.

    Raises:
        StartError: the address is in use, or not of this machine.
    """
    try:
        return bind_sockets(where.hub_port, where.hub_ip or None)
    except OSError as error:
        raise StartError(
            f"the hub cannot listen on {where.hub_ip}:{where.hub_port}: {error.strerror}",
            hint="another hub may be running; stop it, or set JupyterHub.hub_port",
            exit_code=exit_code_of(error),
        ) from error


def without_proxy(error: PluginError) -> StartError:
    """Say that the proxy does not start.

    Args:
        error: why not.

    Returns:
        What to raise.
    """
    return StartError(
        f"the proxy cannot be started: {error.reason} (plugin {error.plugin!r})",
        hint="check JupyterHub.ip and JupyterHub.port",
        exit_code=exit_code_of(error.__cause__, unsure=RETRY),
    )
