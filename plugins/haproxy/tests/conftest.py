import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plughub.kinds import ProxySettings
from plughub.testing.contracts.proxy import ProxyUnderTest
from plughub.testing.quick import starts
from plughub.threads import ThreadPools
from plughub_haproxy import HAProxyProxy

Start = Callable[..., Awaitable[ProxyUnderTest]]


@starts
def new_haproxy(folder: Path, **traits: Any) -> HAProxyProxy:
    return HAProxyProxy(runtime_dir=folder, **traits)


@pytest.fixture
async def start(tmp_path: Path, free_port: int) -> AsyncIterator[Start]:
    """Start HAProxy with settings of your own; `folder` and traits may be given too."""
    pools = ThreadPools()
    started: list[ProxyUnderTest] = []

    async def start_with(
        folder: Path = tmp_path / "haproxy", traits: dict[str, Any] | None = None, **settings: Any
    ) -> ProxyUnderTest:
        given = ProxySettings(ip="127.0.0.1", port=free_port, hub_url="http://127.0.0.1:9")
        proxy = ProxyUnderTest(
            lambda: new_haproxy(folder, **(traits or {})), replace(given, **settings), pools
        )
        started.append(proxy)
        await proxy.start()
        return proxy

    yield start_with
    for proxy in started:
        await proxy.stop()
    pools.close()


@pytest.fixture
def make_certificate(tmp_path: Path) -> Callable[[str], tuple[Path, Path]]:
    """Create a certificate and its key, in the same two files each time."""

    def make(name: str) -> tuple[Path, Path]:
        files = tmp_path / "cert.pem", tmp_path / "key.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        command += ["-subj", f"/CN={name}", "-out", str(files[0]), "-keyout", str(files[1])]
        subprocess.run(command, check=True, capture_output=True)
        return files

    return make


@pytest.fixture
def certificate(make_certificate: Callable[[str], tuple[Path, Path]]) -> tuple[Path, Path]:
    return make_certificate("one")
