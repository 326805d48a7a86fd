import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plughub.kinds import ProxySettings
from plughub.testing import ports
from plughub.testing.contracts.proxy import ProxyUnderTest
from plughub.threads import ThreadPools
from plughub_chp import ConfigurableHTTPProxy

Start = Callable[..., Awaitable[ProxyUnderTest]]


@pytest.fixture
def api_port() -> int:
    return ports.free_port()


@pytest.fixture
async def start(tmp_path: Path, free_port: int, api_port: int) -> AsyncIterator[Start]:
    """Start the proxy with settings and traits."""
    if shutil.which("configurable-http-proxy") is None:
        pytest.skip("configurable-http-proxy is missing: npm install -g configurable-http-proxy")
    pools = ThreadPools()
    started: list[ProxyUnderTest] = []

    async def start_with(
        folder: Path = tmp_path / "chp", traits: dict[str, Any] | None = None, **settings: Any
    ) -> ProxyUnderTest:
        given = ProxySettings(ip="127.0.0.1", port=free_port, hub_url="http://127.0.0.1:9")
        all_traits = {"api_url": f"http://127.0.0.1:{api_port}", **(traits or {})}
        proxy = ProxyUnderTest(
            lambda: ConfigurableHTTPProxy(runtime_dir=folder, **all_traits), replace(given, **settings), pools
        )
        started.append(proxy)
        await proxy.start()
        return proxy

    yield start_with
    for proxy in started:
        await proxy.stop()
    pools.close()
