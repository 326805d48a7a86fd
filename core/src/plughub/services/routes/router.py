"""Routes: compared between the database and the proxy, and repaired."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from plughub.domain.errors import PluginError, PluginTimeoutError
from plughub.domain.hub_processes import HubProcess
from plughub.domain.paths import normal_path
from plughub.domain.routes import Route, ServerLocation
from plughub.domain.servers import ServerRecord
from plughub.domain.timings import CACHED_SERVERS_SECONDS, REFUSED_ROUTE_BACKOFF
from plughub.kinds import ProxySettings
from plughub.plugin.hooks import Hooks
from plughub.services.coordination.change_feed import CachedQuery, ChangeFeed
from plughub.services.routes.expected_routes import ExpectedRoutes
from plughub.services.settings import HubSettings
from plughub.storage.store import Store

log = logging.getLogger("plughub.routing")
AT_ONCE: Final = 50
"""Routes that are changed concurrently; the time-out of each begins with its own call."""
STATE: Final = "proxy-state"


@dataclass(frozen=True, slots=True)
class RouteRefusal:
    """A route that the proxy refused, or accepted without listing it afterwards.

    Attributes:
        route: the route.
        retry_at: when it is tried again, by the monotonic clock.
        failures: refusals in a row; 0 after the first time that it was not listed.
        error: the last error.
    """

    route: Route
    retry_at: float
    failures: int
    error: PluginError


class Router:
    """Adds, removes and repairs routes.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
        proxy: settings of the proxy.
        change_feed: knows whether anything may have changed.

    Attributes:
        expected: derives the expected routes.
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
        self._accepted: dict[str, Route] = {}
        self._agreeing: tuple[object, object] = (None, None)
        self._expected_routes = CachedQuery(
            change_feed or ChangeFeed(), self.expected.read, CACHED_SERVERS_SECONDS
        )

    async def start(self) -> bool:
        """Start the proxy unless it is running.

        Returns:
            Whether the state of a proxy was stored.

        Raises:
            PluginError: the proxy cannot be started.
        """
        saved = await self._store.read(lambda tx: tx.settings.get(self._state))
        state = await self._hooks.proxy_start(self._plugin, replace(self._proxy, state=saved or {}))
        if state != saved:
            await self._store.write(lambda tx: tx.settings.set(self._state, dict(state)))
        return bool(saved)

    async def stop(self) -> None:
        """Stop the proxy and delete its stored state; a failure is logged."""
        try:
            await self._hooks.proxy_stop(self._plugin)
        except PluginError as error:
            log.error("%s", error)
        await self._store.write(lambda tx: tx.settings.set(self._state, {}))

    async def add(self, server: ServerRecord) -> None:
        """Add the route of a server, if the proxy's machine reaches its address.

        Raises:
            PluginError: the proxy refused the route.
        """
        if await self.expected.reaches(server):
            await self._hooks.route_add(self._plugin, self.route_of(server))

    async def delete(self, server: ServerRecord) -> None:
        """Delete the route of a server.

        Raises:
            PluginError: the proxy failed to delete it.
        """
        route = self.route_of(server)
        await self._hooks.route_delete(self._plugin, route.routespec, route.data)

    async def set_hub_route(self, hubs: Collection[HubProcess]) -> None:
        """Point the hub's own route to some processes.

        Args:
            hubs: the processes, as they are stored.

        Raises:
            PluginError: the proxy refused the route.
        """
        await self._hooks.route_add(self._plugin, self.expected.of_hubs(hubs))

    async def sync(
        self, is_allowed: Callable[[], bool] = lambda: True, *, activity: bool = False
    ) -> tuple[Route, ...]:
        """Repair differences between the proxy and the database.

        Routes of servers with an operation in progress are left alone: the operation changes them itself. A
        refused route does not affect the others; it is tried again later.

        Args:
            is_allowed: called before each change; nothing more is changed once it returns False.
            activity: also ask the proxy for the last activity of each route.

        Returns:
            The routes in the proxy.

        Raises:
            PluginError: the proxy does not answer, or refuses the route of the hub itself.
        """
        routes = await self._hooks.routes(self._plugin, activity=activity)
        if await self._repair(routes, is_allowed, at_once=True):
            # A server may have got its route since the expected routes were read.
            self._expected_routes.clear()
            routes = await self._hooks.routes(self._plugin, activity=activity)
            await self._repair(routes, is_allowed, at_once=False)
        if (refusal := self._refused.get(self.expected.hub_spec)) and refusal.failures:
            raise refusal.error
        return routes

    async def check(self) -> None:
        """Let the proxy check its table against the expected routes; a failure is logged."""
        wanted, busy = await self._expected_routes.refresh()
        routes = [route for spec, route in wanted.items() if spec not in busy]
        try:
            await self._hooks.routes_check(self._plugin, routes, list(busy.values()))
        except PluginError as error:
            log.error("the check of the routes by the proxy failed: %s", error)

    async def list_routes(self) -> list[Route]:
        """Return the routes in the proxy.

        Raises:
            PluginError: the proxy does not answer.
        """
        return list(await self._hooks.routes(self._plugin))

    def route_of(self, server: ServerRecord | ServerLocation) -> Route:
        """Return the expected route of a server."""
        return self.expected.of_server(server)

    async def _repair(
        self, routes: Sequence[Route], is_allowed: Callable[[], bool], *, at_once: bool
    ) -> bool:
        """Repair differences once; return whether the whole table was replaced."""
        before = self._expected_routes.cached
        # Neither object ever changes: the same ones need no second comparison.
        if before and routes is self._agreeing[0] and before is self._agreeing[1]:
            return False
        actual = {route.routespec: route for route in routes}
        expected = before or await self._expected_routes.refresh()
        missing, surplus = _differences(actual, *expected)
        if before and (missing or surplus):  # the routes in the proxy may be newer than the cached ones
            expected = await self._expected_routes.refresh()
            missing, surplus = _differences(actual, *expected)
        wanted, busy = expected
        self._agreeing = (None, None) if missing or surplus else (routes, expected)
        missing_specs = {route.routespec for route in missing}
        self._refused = {spec: refusal for spec, refusal in self._refused.items() if spec in missing_specs}
        self._note_unlisted(missing)
        missing = [route for route in missing if not self._is_backing_off(route)]
        if not missing and not surplus:
            return False
        log.info("repairing routes: %d to add, %d to delete", len(missing), len(surplus))
        if at_once and len(missing) + len(surplus) > 1 and is_allowed():
            busy_routes = [route for spec, route in actual.items() if spec in busy and spec not in wanted]
            if await self._replace([*wanted.values(), *busy_routes]):
                return True
        await self._one_by_one(missing, {spec: actual[spec] for spec in surplus}, is_allowed)
        return False

    async def _replace(self, routes: list[Route]) -> bool:
        try:
            replaced = await self._hooks.routes_replace(self._plugin, routes)
        except PluginTimeoutError:
            raise
        except PluginError as error:
            log.warning("%s: changing the routes one by one", error)
            return False
        if replaced:
            self._accepted = {route.routespec: route for route in routes}
        return replaced

    async def _one_by_one(
        self, missing: list[Route], surplus: Mapping[str, Route], is_allowed: Callable[[], bool]
    ) -> None:
        slots = asyncio.Semaphore(AT_ONCE)
        done: list[str] = []
        errors: list[PluginError] = []

        async def change(route: Route | None, spec: str) -> None:
            async with slots:
                if not is_allowed() or (len(errors) >= AT_ONCE and not done):  # the rest would fail too
                    return
                try:
                    if route is not None:
                        await self._hooks.route_add(self._plugin, route)
                        self._accepted[spec] = route
                    else:
                        await self._hooks.route_delete(self._plugin, spec, surplus[spec].data)
                    done.append(spec)
                except PluginError as error:
                    errors.append(error)
                    if route is not None:
                        self._note_refusal(route, error)
                    else:
                        log.warning("%s", error)

        # Most proxies treat spellings as the same route: deleted last, it would delete the new one as well.
        new = {normal_path(route.routespec) for route in missing}
        respelled = [spec for spec in surplus if normal_path(spec) in new]
        await asyncio.gather(*(change(None, spec) for spec in respelled))
        await asyncio.gather(
            *(change(None, spec) for spec in surplus if spec not in respelled),
            *(change(route, route.routespec) for route in missing),
        )

    def _is_backing_off(self, route: Route) -> bool:
        refusal = self._refused.get(route.routespec)
        return refusal is not None and refusal.route == route and time.monotonic() < refusal.retry_at

    def _note_unlisted(self, missing: list[Route]) -> None:
        """Treat routes that the proxy has accepted but does not list as refused."""
        accepted, self._accepted = self._accepted, {}
        for route in missing:
            if accepted.get(route.routespec) == route:
                error = PluginError(self._plugin, "hub_route_add", "the route was accepted but is not listed")
                # The first time may be a proxy that has lost its table: add the route again at once.
                self._note_refusal(route, error, first=0)

    def _note_refusal(self, route: Route, error: PluginError, *, first: int = 1) -> None:
        before = self._refused.get(route.routespec)
        failures = before.failures + 1 if before else first
        is_new = before is None or not before.failures or before.error.reason != error.reason
        if failures and is_new:
            log.error("route %s to %s is missing: %s", route.routespec, route.target, error)
        self._refused[route.routespec] = RouteRefusal(
            route, time.monotonic() + REFUSED_ROUTE_BACKOFF.after(failures), failures, error
        )


def _differences(
    actual: Mapping[str, Route], wanted: Mapping[str, Route], busy: Collection[str]
) -> tuple[list[Route], list[str]]:
    """Return the missing routes and the surplus routespecs, without those of busy servers."""
    missing = [
        route
        for spec, route in wanted.items()
        if spec not in busy and not (spec in actual and actual[spec].same_way(route))
    ]
    return missing, [spec for spec in actual if spec not in wanted and spec not in busy]


def last_activity(routes: Iterable[Route]) -> Mapping[str, datetime]:
    """Return the last activity by routespec, where it is known."""
    return {route.routespec: route.last_activity for route in routes if route.last_activity}


def proxy_state(settings: HubSettings) -> str:
    """Return the key under which the state of the proxy is stored."""
    where = f"@{settings.proxy_host}" if settings.proxy_host else ""
    return f"{STATE}:{settings.proxy}{where}"
