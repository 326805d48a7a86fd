from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from plughub.kinds import ProxySettings
from plughub.testing.contracts.proxy import ProxyUnderTest
from plughub.threads import ThreadPools
from plughub_haproxy import HAProxyProxy


@pytest.fixture
async def start(tmp_path: Path, free_port: int) -> AsyncIterator[Callable]:
    """Start HAProxy with settings of your own; `folder` and traits may be given too."""
    pools = ThreadPools()
    started: list[ProxyUnderTest] = []

    async def start_with(folder: Path = tmp_path / "haproxy", traits: dict | None = None, **settings):
        given = ProxySettings(ip="127.0.0.1", port=free_port, hub_url="http://127.0.0.1:9")
        proxy = ProxyUnderTest(
            lambda: HAProxyProxy(runtime_dir=folder, **(traits or {})), replace(given, **settings), pools
        )
        started.append(proxy)
        await proxy.start()
        return proxy

    yield start_with
    for proxy in started:
        await proxy.stop()
    pools.close()
