"""Steps of the start of a hub process."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from plughub.domain.errors import RETRY, HubError, PluginError, StartError, exit_code_of


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


def proxy_start_error(error: PluginError) -> StartError:
    """Return the error for a proxy that failed to start; an error of the plugin has its own hint."""
    cause = error.__cause__
    return StartError(
        f"the proxy cannot be started: {error.reason} (plugin {error.plugin!r})",
        hint=(isinstance(cause, HubError) and cause.hint)
        or "check JupyterHub.bind_url, or JupyterHub.ip and JupyterHub.port",
        exit_code=exit_code_of(error.__cause__, unsure=RETRY),
    )
