"""Steps of the start of a hub process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

from tornado.netutil import bind_sockets

from plughub.app.service_settings import Addresses
from plughub.domain.errors import RETRY, PluginError, StartError, exit_code_of


class EndedEarlyError(Exception):
    """Shutdown was requested before the hub ran."""


async def unless_ended(ended: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Run a step of the start, and cancel it if shutdown is requested. The step must be safe to cancel.

    Args:
        ended: set when the hub is to shut down.
        work: the step.

    Raises:
        EndedEarlyError: shutdown was requested; the step was cancelled.
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
    """Listen on the hub's internal address.

    Raises:
        StartError: the address is in use, or does not belong to this machine.
    """
    try:
        return bind_sockets(where.hub_port, where.hub_ip or None)
    except OSError as error:
        raise StartError(
            f"the hub cannot listen on {where.hub_ip}:{where.hub_port}: {error.strerror}",
            hint="stop the process that uses the port, such as another hub, or set JupyterHub.hub_port",
            exit_code=exit_code_of(error),
        ) from error


def proxy_start_error(error: PluginError) -> StartError:
    """Return the error for a proxy that failed to start."""
    return StartError(
        f"the proxy cannot be started: {error.reason} (plugin {error.plugin!r})",
        hint="check JupyterHub.ip and JupyterHub.port",
        exit_code=exit_code_of(error.__cause__, unsure=RETRY),
    )
