"""Shutdown of a hub process: the last one cleans up, any other drains and hands its work over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from plughub.app.web_server import WebServer
from plughub.domain.errors import HubError
from plughub.domain.hub_processes import HubProcess
from plughub.domain.servers import ServerRecord
from plughub.domain.timings import (
    FINISH_POLL_SECONDS,
    FINISH_REQUESTS_SECONDS,
    LINGER_ELSEWHERE_SECONDS,
    LINGER_SECONDS,
    STOP_SERVER_SECONDS,
)
from plughub.services.composition import HubServices

EndTasks = Callable[[], Awaitable[None]]
log = logging.getLogger("plughub")


async def shut_down(
    services: HubServices, web: WebServer | None, end_tasks: EndTasks, wanted: Mapping[str, bool]
) -> None:
    """Shut down this process; the last process of the hub also stops servers and proxy.

    Args:
        services: of this process.
        web: its web server, which still serves requests.
        end_tasks: cancels the background tasks.
        wanted: requested values for ``servers`` and ``proxy``; the settings apply to those not requested.
    """
    await services.managed_services.stop()
    others = await services.hub_registry.others()
    if others:
        await _hand_over(services, web, end_tasks, others, wanted)
    else:
        await _clean_up(services, end_tasks, wanted)


async def _hand_over(
    services: HubServices,
    web: WebServer | None,
    end_tasks: EndTasks,
    others: Sequence[HubProcess],
    wanted: Mapping[str, bool],
) -> None:
    """Drain this process without a failed request. Servers stop, on all machines, only if requested."""
    if wanted.get("servers"):
        await _stop_servers(services, everywhere=True)
    await end_tasks()
    log.info("%d other processes continue; this one hands its work over", len(others))
    await services.runner.close()
    with contextlib.suppress(HubError):
        await services.activity.flush()
    try:
        await services.hub_registry.leave()
        await services.router.set_hub_route(others)
    except HubError as error:
        log.warning("the shutdown could not be announced; other processes will notice it: %s", error)
    elsewhere = any(other.host != services.settings.host for other in others)
    await asyncio.sleep(LINGER_ELSEWHERE_SECONDS if elsewhere else LINGER_SECONDS)
    if web is None:
        return
    web.refuse_connections()
    services.live_updates.close()  # browsers continue at another process
    ends = time.monotonic() + FINISH_REQUESTS_SECONDS
    while web.requests_under_way and time.monotonic() < ends:  # noqa: ASYNC110 - no event marks the end
        await asyncio.sleep(FINISH_POLL_SECONDS)


async def _clean_up(services: HubServices, end_tasks: EndTasks, wanted: Mapping[str, bool]) -> None:
    """Stop servers and proxy if requested or configured."""
    if wanted.get("servers", services.settings.cleanup_servers):
        await _stop_servers(services)
    await end_tasks()  # the route reconciler would start the proxy again
    if wanted.get("proxy", services.settings.cleanup_proxy):
        await services.router.stop()


async def _stop_servers(services: HubServices, *, everywhere: bool = False) -> None:
    services.servers.is_shutting_down = True
    here = {"", services.settings.host}
    active = await services.store.read(lambda tx: tx.servers.active())
    own_servers = [server for server in active if everywhere or server.host in here]
    if own_servers:
        log.info("stopping %d servers", len(own_servers))
    failed = await asyncio.gather(
        *(_stop_server(services, server) for server in own_servers), return_exceptions=True
    )
    for error in filter(None, failed):
        log.warning("a server could not be stopped: %s", error)


async def _stop_server(services: HubServices, server: ServerRecord) -> None:
    await services.servers.wait(await services.servers.stop(server), STOP_SERVER_SECONDS)
