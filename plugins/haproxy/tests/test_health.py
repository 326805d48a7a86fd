"""Suspended hubs are taken out of the pools, and the health checks cost little."""

import asyncio
import csv
import io
import os
import signal
import sys

import pytest

from plughub.domain.routes import Route
from plughub.testing.backends import ask, backend
from plughub.testing.conditions import until
from plughub.testing.contracts.proxy import NAME
from plughub_haproxy.configuration import SOCKET_NAME
from plughub_haproxy.pools import ERRORS, HUBS
from plughub_haproxy.runtime_socket import RuntimeSocket


@pytest.fixture
async def other():
    """A hub in a separate process: process and address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "plughub.testing.backends", "other", stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process, f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.kill()
        await process.wait()


async def servers_in(folder) -> dict[tuple[str, str], dict[str, str]]:
    """Return HAProxy's statistics of its servers, by pool and name."""
    shown = await RuntimeSocket(folder / "haproxy" / SOCKET_NAME).query("show stat")
    lines = csv.DictReader(io.StringIO(shown.lstrip("# ")))
    return {(line["pxname"], line["svname"]): line for line in lines}


async def test_a_suspended_hub_leaves_both_pools_by_one_check_and_returns(start, other, tmp_path):
    process, url = other
    async with backend("mine") as mine:
        proxy = await start(error_url=f"{mine.url}/hub/error")
        route = Route(routespec="/", target=mine.url, more_targets=(url,), data={"hub": True})
        await proxy.hooks.route_add(NAME, route)
        os.kill(process.pid, signal.SIGSTOP)

        async def seen_down() -> bool:
            servers = await servers_in(tmp_path)
            return all(
                any(servers[pool, place]["status"].startswith("DOWN") for place in ("t1", "t2"))
                for pool in (HUBS, ERRORS)
            )

        await until(seen_down, seconds=60)
        assert [(await ask(proxy.port, "/")).name for _ in range(6)] == ["mine"] * 6
        os.kill(process.pid, signal.SIGCONT)

        async def both_serve() -> bool:
            return {await proxy.name_at("/") for _ in range(6)} == {"mine", "other"}

        await until(both_serve, seconds=60)
        servers = await servers_in(tmp_path)
        assert [servers[HUBS, place]["check_status"] for place in ("t1", "t2")] == ["", ""]
