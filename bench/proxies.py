"""Proxies to measure: HAProxy and configurable-http-proxy, driven by their plugins as a hub drives them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from bench.load import raise_file_limit, server
from bench.processes import listeners
from bench.rows import Options
from plughub.classes.tls.certificates import HUB, CertificateFolder
from plughub.kinds import ProxySettings
from plughub.testing.contracts.proxy_under_test import ProxyUnderTest, running
from plughub.testing.ports import free_port
from plughub_chp import ConfigurableHTTPProxy
from plughub_haproxy import HAProxyProxy

T = TypeVar("T")

PATH = "/user/ada/"
"""Prefix of the route to a server."""
HUB_PATH = "/"
"""Prefix of the route to the hub."""


@dataclass
class ProxySubject:
    """A running proxy with a route to a server and one to a hub, for which the same process answers.

    Attributes:
        proxy: the proxy, as the hub calls it.
        target: the server's address.
        has_http2: whether browsers can use HTTP/2.
        runner: runs the asynchronous calls.
    """

    proxy: ProxyUnderTest
    target: str
    has_http2: bool
    runner: asyncio.Runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run asynchronous work."""
        return self.runner.run(work)

    @property
    def port(self) -> int:
        """The proxy's port."""
        return self.proxy.port

    @cached_property
    def pids(self) -> list[int]:
        """Processes of the proxy that serve connections."""
        return listeners(self.port)


@contextmanager
def proxy(make: Callable[[Path], object], *, has_http2: bool, secure: bool) -> Iterator[ProxySubject]:
    """Run a proxy with its routes.

    Args:
        make: makes the plugin, given a folder.
        has_http2: whether it offers HTTP/2.
        secure: whether it terminates TLS.
    """
    raise_file_limit()
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner, server() as port:
        settings = ProxySettings(ip="127.0.0.1", port=free_port(), hub_url="http://127.0.0.1:9")
        if secure:
            certificates = CertificateFolder(Path(folder, "ssl"))
            certificates.prepare()
            files = certificates.issue("public", HUB, ["localhost"])
            settings = ProxySettings(
                ip="127.0.0.1", port=settings.port, hub_url=settings.hub_url,
                ssl_cert=files.certfile, ssl_key=files.keyfile,
            )  # fmt: skip
        context = running(lambda: make(Path(folder, "proxy")), settings)
        started = runner.run(context.__aenter__())
        try:
            target = f"http://127.0.0.1:{port}"
            runner.run(started.add(HUB_PATH, target, hub=True))
            runner.run(started.add(PATH, target))
            yield ProxySubject(started, target, has_http2, runner)
        finally:
            runner.run(context.__aexit__(None, None, None))


def subjects(options: Options, *, secure: bool = False) -> Mapping[str, AbstractContextManager[ProxySubject]]:
    """Return the proxies that the options name."""

    def make_chp(folder: Path) -> object:
        api_url = f"http://127.0.0.1:{free_port()}"
        return ConfigurableHTTPProxy(runtime_dir=folder, api_url=api_url, command=[options.chp])

    def make_haproxy(folder: Path) -> object:
        return HAProxyProxy(runtime_dir=folder)

    ours = {"HAProxy": proxy(make_haproxy, has_http2=secure, secure=secure)}
    return ours | ({"CHP": proxy(make_chp, has_http2=False, secure=secure)} if options.chp else {})
