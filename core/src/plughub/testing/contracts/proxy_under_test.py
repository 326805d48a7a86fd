"""A proxy in a test, called as the hub calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest

from plughub.classes.proxy.hooks import ProxyHooks
from plughub.classes.proxy.proxy import Proxy
from plughub.domain.routes import Route
from plughub.kinds import ProxyInfo, ProxySettings
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import ActivePlugins
from plughub.plugin.threads import ThreadPools
from plughub.testing.backends import Backend, ask, backend

NAME: Final = "tested"

Make = Callable[[], object]


@dataclass
class ProxyUnderTest:
    """A proxy, called as the hub calls it.

    If the proxy is a program, decorate the helper that makes the plugin with `plughub.testing.quick.starts`:
    ``--quick`` then leaves its tests out.

    Attributes:
        make: makes the plugin as a new process of the hub would.
        settings: its address.
        pools: threads for plain functions.
    """

    make: Make
    settings: ProxySettings
    pools: ThreadPools
    hooks: Hooks = field(init=False)
    state: Mapping[str, Any] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.new_hub()

    @property
    def port(self) -> int:
        """The port of the proxy."""
        return self.settings.port

    @property
    def info(self) -> ProxyInfo:
        """The proxy's own description."""
        answers = self.hooks.caller.register("hub_proxy_info")
        return answers[0].value if answers else ProxyInfo()

    def new_hub(self) -> None:
        """Continue as another process of the hub, with nothing but the saved state."""
        plugin = self.make()
        plugins = ActivePlugins()
        plugins.add(NAME, ProxyHooks(NAME, plugin) if isinstance(plugin, Proxy) else plugin)
        self.hooks = Hooks(HookCaller(plugins, self.pools))

    async def start(self) -> None:
        """Start the proxy, or adopt the running one."""
        self.state = await self.hooks.proxy_start(NAME, replace(self.settings, state=self.state))

    async def stop(self) -> None:
        """Stop the proxy."""
        await self.hooks.proxy_stop(NAME)

    async def poll(self) -> int | None:
        """Return whether the proxy runs."""
        return await self.hooks.proxy_poll(NAME)

    async def add(self, routespec: str, target: str, **data: Any) -> None:
        """Add a route."""
        await self.hooks.route_add(NAME, Route(routespec=routespec, target=target, data=data))

    async def delete(self, routespec: str) -> None:
        """Delete a route."""
        await self.hooks.route_delete(NAME, routespec)

    async def routes(self) -> dict[str, Route]:
        """List the routes."""
        return {route.routespec: route for route in await self.hooks.routes(NAME)}

    async def replace(self, *routes: Route) -> None:
        """Replace the whole table."""
        assert await self.hooks.routes_replace(NAME, routes)

    async def name_at(self, path: str) -> str:
        """Return the name of the backend that answers at a path."""
        return (await ask(self.port, path)).name


@asynccontextmanager
async def running(make: Make, settings: ProxySettings) -> AsyncIterator[ProxyUnderTest]:
    """Start a proxy without routes, and stop it.

    Args:
        make: makes the plugin as a new process of the hub would.
        settings: its address.

    Yields:
        The proxy.
    """
    pools = ThreadPools()
    proxy = ProxyUnderTest(make, settings, pools)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
        pools.close()


class ProxyFixtures:
    """Fixtures of the proxy contracts."""

    @pytest.fixture
    def make_plugin(self) -> Make:
        """Return the factory of the plugin; to be overridden."""
        raise NotImplementedError

    @pytest.fixture
    def proxy_settings(self, free_port: int) -> ProxySettings:
        """Address settings of the proxy."""
        return ProxySettings(ip="127.0.0.1", port=free_port, hub_url="http://127.0.0.1:9")

    @pytest.fixture
    async def proxy(self, make_plugin: Make, proxy_settings: ProxySettings) -> AsyncIterator[ProxyUnderTest]:
        """A running proxy without routes."""
        async with running(make_plugin, proxy_settings) as proxy:
            yield proxy

    @pytest.fixture
    async def alice(self) -> AsyncIterator[Backend]:
        """A server."""
        async with backend("alice") as server:
            yield server

    @pytest.fixture
    async def bob(self) -> AsyncIterator[Backend]:
        """Another server."""
        async with backend("bob") as server:
            yield server

    @pytest.fixture
    async def hub(self) -> AsyncIterator[Backend]:
        """A backend in place of the hub."""
        async with backend("hub") as server:
            yield server
