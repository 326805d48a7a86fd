"""Number of idle connections that remain when the clients are gone."""

import asyncio

import psutil
import pytest

from plughub.domain.routes import Route
from plughub.testing.backends import Backend, ask, backend
from plughub.testing.conditions import until
from plughub.testing.contracts.proxy import NAME
from plughub_haproxy.configuration import IDLE_CONNECTIONS

CLIENTS = 2 * IDLE_CONNECTIONS
AT_ONCE = 8
"""Each thread of HAProxy may keep one more connection, because the threads count concurrently."""


def open_to(backend: Backend) -> int:
    """Count the connections that a backend in this process has."""
    connections = psutil.Process().net_connections("tcp")
    return sum(
        each.laddr.port == backend.port and each.status == psutil.CONN_ESTABLISHED for each in connections
    )


@pytest.mark.parametrize("targets", [1, 2])
async def test_few_connections_remain_after_clients_have_left(start, targets):
    async with backend("first") as first, backend("second") as second:
        hubs = [first, second][:targets]
        proxy = await start()
        more = tuple(hub.url for hub in hubs[1:])
        await proxy.hooks.route_add(NAME, Route(routespec="/", target=first.url, more_targets=more))
        replies = await asyncio.gather(*(ask(proxy.port, "/") for _ in range(CLIENTS * targets)))
        assert {reply.status for reply in replies} == {200}

        async def are_few() -> bool:
            return all(open_to(hub) <= IDLE_CONNECTIONS + AT_ONCE for hub in hubs)

        await until(are_few, seconds=3)
