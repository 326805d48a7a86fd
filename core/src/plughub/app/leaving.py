"""How a process leaves: the last one cleans up, any other hands its work over and finishes its requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from plughub.domain.errors import HubError
from plughub.domain.servers import ServerRecord

if TYPE_CHECKING:
    from plughub.app.hub import Hub

log = logging.getLogger("plughub")
LINGER_SECONDS: Final = 0.5
"""A request that the proxy sent here before it was told otherwise has arrived by then."""
LINGER_ELSEWHERE: Final = 2.5
"""Proxies of other machines are told by their own hubs, which look every second."""
FINISH_SECONDS: Final = 15.0
"""Longer than a request may wait for a server to start."""
STOP_SECONDS: Final = 150.0
_LOOK: Final = 0.02


async def hand_over(hub: Hub, others: Sequence[Mapping[str, Any]], wanted: Mapping[str, bool]) -> None:
    """Leave without a failed request.

    Args:
        hub: it still serves; its background work is ended.
        others: the processes that live on, with the proxy and what is set in the configuration.
        wanted: what was asked for; with ``servers`` all of them are stopped, on every machine.
    """
    if wanted.get("servers"):
        await _stop_servers(hub, everywhere=True)
    await hub.end_tasks()
    log.info("%d other processes go on", len(others))
    await hub.runner.close()
    with contextlib.suppress(HubError):
        await hub.activity.flush()
    try:
        await hub.membership.leave()
        await hub.router.lead_to(others)
    except HubError as error:
        log.warning("the others find out by themselves: %s", error)
    elsewhere = any(other["host"] != hub.settings.host for other in others)
    await asyncio.sleep(LINGER_ELSEWHERE if elsewhere else LINGER_SECONDS)
    hub.refuse_connections()
    ends = time.monotonic() + FINISH_SECONDS
    while hub.requests_under_way and time.monotonic() < ends:  # noqa: ASYNC110 - an end may go unseen
        await asyncio.sleep(_LOOK)


async def clean_up(hub: Hub, wanted: Mapping[str, bool]) -> None:
    """Stop servers and proxy, where that is wanted.

    Args:
        hub: the last of its processes.
        wanted: whether to stop ``servers`` and ``proxy``, where it was asked for; else the settings say it.
    """
    if wanted.get("servers", hub.settings.cleanup_servers):
        await _stop_servers(hub)
    await hub.end_tasks()  # whoever keeps the proxy alive would start it again
    if wanted.get("proxy", hub.settings.cleanup_proxy):
        await hub.router.stop()


async def _stop_servers(hub: Hub, *, everywhere: bool = False) -> None:
    hub.servers.ending = True
    here = {"", hub.settings.host}
    active = await hub.store.read(lambda tx: tx.servers.active())
    ours = [server for server in active if everywhere or server.host in here]
    if ours:
        log.info("stopping %d servers", len(ours))
    failed = await asyncio.gather(*(_stop_server(hub, server) for server in ours), return_exceptions=True)
    for error in filter(None, failed):
        log.warning("a server could not be stopped: %s", error)


async def _stop_server(hub: Hub, server: ServerRecord) -> None:
    await hub.servers.wait(await hub.servers.stop(server), STOP_SECONDS)
