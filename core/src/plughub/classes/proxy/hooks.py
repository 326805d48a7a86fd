"""Adapter of a proxy class to the hooks of the proxy kind.

The hub does not know `Proxy.extra_routes`. This adapter adds them when the proxy starts and whenever all
routes are replaced, repairs them whenever the routes are listed, and hides them from the hub.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from plughub.classes.proxy.entries import (
    Entries,
    ListedRoutes,
    add_entry,
    entry_of,
    extra_routes,
    is_extra,
    route_of,
    run_all,
    takes,
)
from plughub.classes.proxy.proxy import Proxy
from plughub.classes.proxy.routed_objects import routed_objects
from plughub.classes.user_code import call
from plughub.domain.routes import Route
from plughub.domain.timings import REFUSED_ROUTE_BACKOFF
from plughub.kinds import HubContext, ProxyInfo, ProxySettings
from plughub.markers import hookimpl

_CHANGING: Final = (
    "add_hub_route",
    "add_user",
    "add_service",
    "add_all_users",
    "add_all_services",
    "delete_user",
    "delete_service",
)
"""Methods that change routes of the hub, of users and of services; a class may override them."""


class ProxyHooks:
    """Hooks of a proxy class.

    Args:
        plugin: name of the plugin to which the class belongs.
        proxy: an instance of the class.
    """

    def __init__(self, plugin: str, proxy: Proxy) -> None:
        self.plugin = plugin
        self.proxy = proxy
        self._hidden: dict[str, Route] = {}
        self._tries: dict[str, tuple[int, float]] = {}
        self._overrides = any(getattr(type(proxy), name) is not getattr(Proxy, name) for name in _CHANGING)
        self._asks_for_activity = takes(proxy.get_all_routes, "activity")
        self._listed = ListedRoutes()

    @hookimpl
    def hub_configure(self, context: HubContext) -> None:
        """Set the directory for the plugin's files."""
        self.proxy.runtime_dir = context.runtime_dir / self.plugin

    @hookimpl
    def hub_proxy_info(self) -> ProxyInfo:
        """Return the capabilities of the proxy."""
        return ProxyInfo(
            host_bound=self.proxy.host_bound,
            internal_tls=self.proxy.internal_tls,
            host_routing=self.proxy.can_route_hosts,
            servers_port=self.proxy.can_serve_two_ports,
            unix_sockets=self.proxy.can_reach_sockets,
            drops_worker_scope=self.proxy.drops_worker_scope,
            user=self.proxy.system_user,
        )

    @hookimpl
    async def hub_proxy_start(self, proxy: ProxySettings) -> Mapping[str, Any]:
        """Call ``start``, and add the extra routes."""
        self.proxy.configure(proxy)
        extra = extra_routes(self.proxy)
        await self._call(self.proxy.load_state, dict(proxy.state))
        if self.proxy.should_start:
            await self._call(self.proxy.start)
        if extra:
            await self._repair_extra(await self._found(activity=False))
        state: Mapping[str, Any] = await self._call(self.proxy.get_state) or {}
        return state

    @hookimpl
    async def hub_proxy_poll(self) -> int | None:
        """Call ``check_running``."""
        code = await self._call(self.proxy.check_running)
        return code if isinstance(code, int) and not isinstance(code, bool) else None

    @hookimpl
    async def hub_proxy_stop(self) -> None:
        """Call ``stop``, unless the hub does not manage the proxy."""
        if self.proxy.should_start:
            await self._call(self.proxy.stop)

    @hookimpl
    async def hub_route_add(self, route: Route) -> None:
        """Call the method for what the route leads to, unless an extra route has this routespec."""
        if route.routespec in extra_routes(self.proxy):
            self._hidden[route.routespec] = route
            return
        await self._add(route)

    @hookimpl
    async def hub_route_delete(self, routespec: str, data: Mapping[str, Any]) -> None:
        """Call the method for what the route leads to, unless an extra route has this routespec."""
        self._hidden.pop(routespec, None)
        if routespec not in extra_routes(self.proxy):
            await self._delete(Route(routespec=routespec, target="", data=data))

    @hookimpl
    async def hub_routes(self, activity: bool) -> Sequence[Route]:
        """Call ``get_all_routes``, and repair the extra routes."""
        found = await self._found(activity=activity)
        if not self.proxy.extra_routes and (routes := self._listed.of(found)) is not None:
            return routes
        await self._repair_extra(found)
        listed = [route_of(spec, entry) for spec, entry in found.items() if not is_extra(entry)]
        shown = [route for route in listed if route.routespec not in self._hidden]
        return self._listed.note(found, [*shown, *self._hidden.values()])

    @hookimpl
    async def hub_routes_replace(self, routes: Sequence[Route]) -> None:
        """Call ``replace_routes`` if the class has it, else change the differing routes.

        A class that overrides one of the methods for hub, users and services gets their calls instead.
        """
        extra = extra_routes(self.proxy)
        self._hidden = {route.routespec: route for route in routes if route.routespec in extra}
        wanted = {route.routespec: route for route in [*routes, *extra.values()]}
        replace = getattr(self.proxy, "replace_routes", None)
        if replace is not None and not self._overrides:
            await self._call(replace, {spec: entry_of(self.proxy, route) for spec, route in wanted.items()})
            return
        found = await self._found(activity=False)
        current = {spec: route_of(spec, entry) for spec, entry in found.items()}
        await run_all([self._delete(route) for spec, route in current.items() if spec not in wanted])
        await self._add_all([route for spec, route in wanted.items() if current.get(spec) != route])

    @hookimpl
    async def hub_routes_check(self, routes: Sequence[Route], pending: Sequence[Route]) -> None:
        """Call ``check_routes`` if the class overrides it: the hub itself does what the base class does."""
        if type(self.proxy).check_routes is Proxy.check_routes:
            return
        objects = routed_objects(routes, base_url=self.proxy.base_url, pending=pending)
        self.proxy.hub = objects.hub or self.proxy.hub
        await self._call(self.proxy.check_routes, objects.users, objects.services)

    # ---- calls

    async def _repair_extra(self, found: Entries) -> None:
        extra = extra_routes(self.proxy)
        for spec, entry in found.items():
            if is_extra(entry) and spec not in extra:
                await self._call(self.proxy.delete_route, spec)
        for spec, route in extra.items():
            if spec in found and route_of(spec, found[spec]) == route:
                self._tries.pop(spec, None)
            elif self._is_due(spec):
                await add_entry(self.plugin, self.proxy, route)

    def _is_due(self, spec: str) -> bool:
        """Return whether to add an extra route now; the delay grows for a class that does not list it."""
        tries, retry_at = self._tries.get(spec, (0, 0.0))
        now = time.monotonic()
        if now < retry_at:
            return False
        self._tries[spec] = tries + 1, now + REFUSED_ROUTE_BACKOFF.after(tries)
        return True

    async def _found(self, *, activity: bool) -> Entries:
        wanted = {"activity": activity} if self._asks_for_activity else {}
        found: Entries = await self._call(self.proxy.get_all_routes, **wanted)
        return found

    async def _add(self, route: Route) -> None:
        """Call the method for what a route leads to."""
        proxy, objects = self.proxy, routed_objects([route], base_url=self.proxy.base_url)
        if objects.hub:
            proxy.hub = objects.hub
            await self._call(proxy.add_hub_route, objects.hub)
        for user in objects.users.values():
            await self._call(proxy.add_user, user, *user.spawners)
        for service in objects.services.values():
            await self._call(proxy.add_service, service)
        for other in objects.others:
            await add_entry(self.plugin, proxy, other)

    async def _add_all(self, routes: Sequence[Route]) -> None:
        """Call the methods for many routes at once."""
        proxy, objects = self.proxy, routed_objects(routes, base_url=self.proxy.base_url)
        if objects.hub:
            proxy.hub = objects.hub
            await self._call(proxy.add_hub_route, objects.hub)
        steps = [add_entry(self.plugin, proxy, route) for route in objects.others]
        if objects.users:
            steps.append(self._call(proxy.add_all_users, objects.users))
        if objects.services:
            steps.append(self._call(proxy.add_all_services, objects.services))
        await run_all(steps)

    async def _delete(self, route: Route) -> None:
        objects = routed_objects([route])
        for user in objects.users.values():
            await self._call(self.proxy.delete_user, user, *user.spawners)
        for service in objects.services.values():
            await self._call(self.proxy.delete_service, service)
        if not objects.users and not objects.services:
            await self._call(self.proxy.delete_route, route.routespec)

    async def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return await call(self.plugin, function, *args, **kwargs)
