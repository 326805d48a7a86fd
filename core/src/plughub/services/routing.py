"""The routes: what should stand is derived from the database, what stands is asked of the proxy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from plughub.domain.errors import HubError, PluginError
from plughub.domain.routes import Route
from plughub.domain.servers import Phase, ServerRecord, Status
from plughub.kinds import ProxySettings
from plughub.plugin.hooks import Hooks
from plughub.services.membership import living_hubs
from plughub.services.ports import Store, Transaction
from plughub.services.settings import HubSettings
from plughub.services.views import route_data, server_prefix

log = logging.getLogger("plughub.routing")
WATCH_SECONDS: Final = 1.0
AT_ONCE: Final = 50
"""Routes that are added at the same time; each has a time-out that begins with its turn."""
STATE: Final = "proxy-state"


class Router:
    """Keeps the routes right.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: of the hub.
        proxy: where the proxy listens.
    """

    def __init__(self, store: Store, hooks: Hooks, settings: HubSettings, proxy: ProxySettings) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._proxy = proxy
        self._plugin = settings.proxy
        self._hubs: tuple[str, ...] = ()

    def hub_route(self, hubs: tuple[str, ...]) -> Route:
        """Give the route that takes everything that no server takes.

        Args:
            hubs: addresses of the processes that are alive.

        Returns:
            The route; it leads to this process when none is known.
        """
        first, *more = hubs or (self._settings.hub_url,)
        return Route(routespec="/", target=first, more_targets=tuple(more), data={"hub": True})

    async def start(self) -> None:
        """Have the proxy running with the right routes.

        Raises:
            PluginError: the proxy cannot be started, or not be used; one that was not there is stopped.
        """
        saved = await self._store.read(lambda tx: tx.settings.get(f"{STATE}:{self._plugin}"))
        proxy = replace(self._proxy, state=saved or {})
        state = await self._hooks.proxy_start(self._plugin, proxy)
        if state != saved:
            await self._store.write(lambda tx: tx.settings.set(f"{STATE}:{self._plugin}", dict(state)))
        try:
            await self.sync()
        except HubError:
            if not saved:  # nobody uses it yet
                await self.stop()
                await self._store.write(lambda tx: forget_proxy_state(tx, self._plugin))
            raise

    async def stop(self) -> None:
        """Stop the proxy; a failure is logged."""
        try:
            await self._hooks.proxy_stop(self._plugin)
        except PluginError as error:
            log.error("%s", error)

    async def add(self, server: ServerRecord) -> None:
        """Route a server.

        Args:
            server: with its address.

        Raises:
            PluginError: the proxy did not take it.
        """
        await self._hooks.route_add(self._plugin, self.route_of(server))

    async def delete(self, server: ServerRecord) -> None:
        """Take the route of a server away.

        Args:
            server: the server.

        Raises:
            PluginError: the proxy did not take it.
        """
        await self._hooks.route_delete(self._plugin, self.route_of(server).routespec)

    async def sync(self, *, again: bool = True) -> Mapping[str, datetime]:
        """Mend what differs between the proxy and the database.

        Routes of servers to which something is being done are left alone: whoever does it sees to them.

        Args:
            again: look once more after the whole table was replaced: a server may have got its route
                since the table was put together.

        Returns:
            Last activity by routespec.

        Raises:
            PluginError: the proxy cannot be asked.
        """
        stands = {route.routespec: route for route in await self._hooks.routes(self._plugin)}
        servers, hubs = await self._store.read(self._look)
        wanted = {route.routespec: route for route in self._wanted(servers, hubs)}
        busy = {self.route_of(server).routespec for server in servers if server.operation}
        missing = [
            route
            for spec, route in wanted.items()
            if spec not in busy and not (spec in stands and stands[spec].same_way(route))
        ]
        surplus = [spec for spec in stands if spec not in wanted and spec not in busy]
        if missing or surplus:
            log.info("mending routes: %d to add, %d to take away", len(missing), len(surplus))
            kept = [route for spec, route in stands.items() if spec in busy and spec not in wanted]
            if await self._mend(missing, surplus, [*wanted.values(), *kept]) and again:
                return await self.sync(again=False)
        self._hubs = hubs
        return {spec: route.last_activity for spec, route in stands.items() if route.last_activity}

    async def table(self) -> list[Route]:
        """List the routes that stand.

        Returns:
            The routes, as the proxy names them.

        Raises:
            PluginError: the proxy cannot be asked.
        """
        return list(await self._hooks.routes(self._plugin))

    async def watch(self) -> None:
        """Look every second whether the proxy runs and which hubs are alive, and mend what has changed."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                code = await self._hooks.proxy_poll(self._plugin)
                if code is not None:
                    log.warning("the proxy is gone (exit code %s): starting it again", code)
                    await self.start()
                elif self._hubs != await self._store.read(lambda tx: living_hubs(tx, self._settings.lease)):
                    await self.sync()
            except HubError as error:
                log.error("%s", error)

    def route_of(self, server: ServerRecord) -> Route:
        """Give the route that a server should have.

        Args:
            server: the server.

        Returns:
            The route.
        """
        return Route(
            routespec=server_prefix(self._settings, server.user, server.name),
            target=server.url,
            data=route_data(server),
        )

    def _look(self, tx: Transaction) -> tuple[list[ServerRecord], tuple[str, ...]]:
        return tx.servers.active(), living_hubs(tx, self._settings.lease)

    def _wanted(self, servers: list[ServerRecord], hubs: tuple[str, ...]) -> list[Route]:
        running = [self.route_of(server) for server in servers if should_be_routed(server)]
        return [self.hub_route(hubs), *running]

    async def _mend(self, missing: list[Route], surplus: list[str], whole: list[Route]) -> bool:
        """Mend the table; answers whether it was replaced as a whole."""
        many = len(missing) + len(surplus) > 1
        if many and await self._hooks.routes_replace(self._plugin, whole):
            return True
        for spec in surplus:
            await self._hooks.route_delete(self._plugin, spec)
        slots = asyncio.Semaphore(AT_ONCE)

        async def add(route: Route) -> None:
            async with slots:
                await self._hooks.route_add(self._plugin, route)

        tried = await asyncio.gather(*map(add, missing), return_exceptions=True)
        for error in filter(None, tried):
            raise error
        return False


def should_be_routed(server: ServerRecord) -> bool:
    """Tell whether a server should have a route.

    Args:
        server: the server.

    Returns:
        True when it runs, or is at the last step of its start.
    """
    if server.operation is not None:
        return server.operation.phase is Phase.ROUTE and bool(server.url)
    return server.status is Status.RUNNING and bool(server.url)


def forget_proxy_state(tx: Transaction, plugin: str) -> None:
    """Forget what the proxy saved, after it was stopped.

    Args:
        tx: the transaction.
        plugin: the plugin of the proxy.
    """
    tx.settings.set(f"{STATE}:{plugin}", {})
