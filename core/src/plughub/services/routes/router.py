"""The routes: what should stand is derived from the database, what stands is asked of the proxy."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from plughub.domain.errors import PluginError, PluginTimeoutError
from plughub.domain.hub_processes import HubProcess
from plughub.domain.paths import normal_path
from plughub.domain.routes import Route, ServerLocation
from plughub.domain.servers import ServerRecord
from plughub.domain.timings import REFUSED_ROUTE_BACKOFF
from plughub.kinds import ProxySettings
from plughub.plugin.hooks import Hooks
from plughub.services.coordination.change_feed import CachedQuery, ChangeFeed
from plughub.services.routes.expected_routes import ExpectedRoutes
from plughub.services.settings import HubSettings
from plughub.storage.store import Store

log = logging.getLogger("plughub.routing")
AT_ONCE: Final = 50
"""Routes that are changed at the same time; each has a time-out that begins with its turn."""
STATE: Final = "proxy-state"


@dataclass(frozen=True, slots=True)
class RouteRefusal:
    """A route that the proxy did not take.

    Attributes:
        route: the route.
        again: when it is tried again, by the monotonic clock.
        failures: how often it was refused in a row.
        error: why.
    """

    route: Route
    again: float
    failures: int
    error: PluginError


class Router:
    """Keeps the routes right.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: of the hub.
        proxy: where the proxy listens.
        change_feed: knows whether anything may have changed.

    Attributes:
        expected: works out which routes should stand.
    """

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        settings: HubSettings,
        proxy: ProxySettings,
        change_feed: ChangeFeed | None = None,
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._proxy = proxy
        self._plugin = settings.proxy
        self._state = proxy_state(settings)
        self.expected = ExpectedRoutes(store, settings)
        self._refused: dict[str, RouteRefusal] = {}
        self._wanted = CachedQuery(change_feed or ChangeFeed(), self.expected.read)

    async def start(self) -> bool:
        """Have the proxy running.

        Returns:
            Whether one was known before.

        Raises:
            PluginError: the proxy cannot be started.
        """
        saved = await self._store.read(lambda tx: tx.settings.get(self._state))
        state = await self._hooks.proxy_start(self._plugin, replace(self._proxy, state=saved or {}))
        if state != saved:
            await self._store.write(lambda tx: tx.settings.set(self._state, dict(state)))
        return bool(saved)

    async def stop(self) -> None:
        """Stop the proxy and forget its state; a failure to stop it is logged."""
        try:
            await self._hooks.proxy_stop(self._plugin)
        except PluginError as error:
            log.error("%s", error)
        await self._store.write(lambda tx: tx.settings.set(self._state, {}))

    async def add(self, server: ServerRecord) -> None:
        """Route a server, unless its address leads elsewhere from the machine of the proxy.

        Args:
            server: with its address.

        Raises:
            PluginError: the proxy did not take it.
        """
        if await self.expected.reaches(server):
            await self._hooks.route_add(self._plugin, self.route_of(server))

    async def delete(self, server: ServerRecord) -> None:
        """Take the route of a server away.

        Args:
            server: the server.

        Raises:
            PluginError: the proxy did not take it.
        """
        await self._hooks.route_delete(self._plugin, self.route_of(server).routespec)

    async def lead_to(self, hubs: Collection[HubProcess]) -> None:
        """Lead the hub's own route to some processes.

        Args:
            hubs: the processes.

        Raises:
            PluginError: the proxy did not take it.
        """
        await self._hooks.route_add(self._plugin, self.expected.of_hubs(hubs))

    async def sync(
        self, may: Callable[[], bool] = lambda: True, *, activity: bool = False
    ) -> tuple[Route, ...]:
        """Mend what differs between the proxy and the database.

        Routes of servers to which something is being done are left alone: whoever does it sees to them.
        A route that the proxy refuses keeps no other from being mended; it is tried again later.

        Args:
            may: asked before each change; nothing is changed any more once it says no.
            activity: ask the proxy for the last activity of each route as well.

        Returns:
            The routes that stood.

        Raises:
            PluginError: the proxy cannot be asked, or refuses the route of the hub itself.
        """
        stood = await self._hooks.routes(self._plugin, activity=activity)
        if await self._mend(stood, may, whole=True):
            # A server may have got its route since the table was put together.
            self._wanted.drop()
            stood = await self._hooks.routes(self._plugin, activity=activity)
            await self._mend(stood, may, whole=False)
        if self.expected.hub_spec in self._refused:
            raise self._refused[self.expected.hub_spec].error
        return stood

    async def table(self) -> list[Route]:
        """List the routes that stand.

        Returns:
            The routes, as the proxy names them.

        Raises:
            PluginError: the proxy cannot be asked.
        """
        return list(await self._hooks.routes(self._plugin))

    def route_of(self, server: ServerRecord | ServerLocation) -> Route:
        """Give the route that a server should have.

        Args:
            server: the server.

        Returns:
            The route.
        """
        return self.expected.of_server(server)

    async def _mend(self, stood: Iterable[Route], may: Callable[[], bool], *, whole: bool) -> bool:
        """Mend once; answers whether the table was replaced as a whole."""
        stands = {route.routespec: route for route in stood}
        before = self._wanted.kept
        wanted, busy = before or await self._wanted.fresh()
        missing, surplus = _differences(stands, wanted, busy)
        if before and (missing or surplus):  # what stands may be newer than what was kept
            wanted, busy = await self._wanted.fresh()
            missing, surplus = _differences(stands, wanted, busy)
        lacking = {route.routespec for route in missing}
        self._refused = {spec: refusal for spec, refusal in self._refused.items() if spec in lacking}
        missing = [route for route in missing if not self._is_put_off(route)]
        if not missing and not surplus:
            return False
        log.info("mending routes: %d to add, %d to take away", len(missing), len(surplus))
        if whole and len(missing) + len(surplus) > 1 and may():
            kept = [route for spec, route in stands.items() if spec in busy and spec not in wanted]
            if await self._replace([*wanted.values(), *kept]):
                return True
        await self._one_by_one(missing, surplus, may)
        return False

    async def _replace(self, routes: list[Route]) -> bool:
        try:
            return await self._hooks.routes_replace(self._plugin, routes)
        except PluginTimeoutError:
            raise
        except PluginError as error:
            log.warning("%s: the routes are changed one by one", error)
            return False

    async def _one_by_one(self, missing: list[Route], surplus: list[str], may: Callable[[], bool]) -> None:
        slots = asyncio.Semaphore(AT_ONCE)
        done: list[str] = []
        trouble: list[PluginError] = []

        async def change(route: Route | None, spec: str) -> None:
            async with slots:
                if not may() or (len(trouble) >= AT_ONCE and not done):  # the others would fail too
                    return
                try:
                    if route is not None:
                        await self._hooks.route_add(self._plugin, route)
                    else:
                        await self._hooks.route_delete(self._plugin, spec)
                    done.append(spec)
                except PluginError as error:
                    trouble.append(error)
                    if route is not None:
                        self._note_refusal(route, error)
                    else:
                        log.warning("%s", error)

        # For most proxies another spelling is the same route: deleted last, it would take the new one along.
        new = {normal_path(route.routespec) for route in missing}
        respelled = [spec for spec in surplus if normal_path(spec) in new]
        await asyncio.gather(*(change(None, spec) for spec in respelled))
        await asyncio.gather(
            *(change(None, spec) for spec in surplus if spec not in respelled),
            *(change(route, route.routespec) for route in missing),
        )

    def _is_put_off(self, route: Route) -> bool:
        refusal = self._refused.get(route.routespec)
        return refusal is not None and refusal.route == route and time.monotonic() < refusal.again

    def _note_refusal(self, route: Route, error: PluginError) -> None:
        before = self._refused.get(route.routespec)
        failures = before.failures + 1 if before else 1
        if before is None or before.error.reason != error.reason:
            log.error("route %s to %s is missing: %s", route.routespec, route.target, error)
        self._refused[route.routespec] = RouteRefusal(
            route, time.monotonic() + REFUSED_ROUTE_BACKOFF.after(failures), failures, error
        )


def _differences(
    stands: Mapping[str, Route], wanted: Mapping[str, Route], busy: Collection[str]
) -> tuple[list[Route], list[str]]:
    """Tell what is missing and what is too much, besides what is busy."""
    missing = [
        route
        for spec, route in wanted.items()
        if spec not in busy and not (spec in stands and stands[spec].same_way(route))
    ]
    return missing, [spec for spec in stands if spec not in wanted and spec not in busy]


def last_activity(routes: Iterable[Route]) -> Mapping[str, datetime]:
    """Pick out when routes were last used.

    Args:
        routes: as the proxy lists them.

    Returns:
        Last activity by routespec, where it is known.
    """
    return {route.routespec: route.last_activity for route in routes if route.last_activity}


def proxy_state(settings: HubSettings) -> str:
    """Name the fact under which the state of the proxy is stored.

    Args:
        settings: of the hub.

    Returns:
        The name; a proxy that is bound to a machine has one there.
    """
    where = f"@{settings.proxy_host}" if settings.proxy_host else ""
    return f"{STATE}:{settings.proxy}{where}"
