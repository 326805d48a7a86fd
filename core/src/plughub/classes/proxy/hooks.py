"""Adapter of a proxy class to the hooks of the proxy kind.

The hub does not know `Proxy.extra_routes`. This adapter adds them when the proxy starts and whenever all
routes are replaced, repairs them whenever the routes are listed, and hides them from the hub.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from plughub.classes.proxy.proxy import Proxy
from plughub.classes.user_code import call
from plughub.domain.routes import Route
from plughub.kinds import HubContext, ProxyInfo, ProxySettings
from plughub.markers import hookimpl

EXTRA: Final = "extra"
"""Key that marks the data of an extra route."""

UNUSED_TARGETS: Final = "unused_targets"
"""Key for further targets in the data of a route, for classes that cannot use them."""

MAX_CONCURRENT: Final = 32
"""Concurrent changes when the routes are replaced one by one."""

Found = Mapping[str, Mapping[str, Any]]


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
        self._asks_for_activity = _takes(proxy.get_all_routes, "activity")

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
            drops_worker_scope=self.proxy.drops_worker_scope,
            user=self.proxy.system_user,
        )

    @hookimpl
    async def hub_proxy_start(self, proxy: ProxySettings) -> Mapping[str, Any]:
        """Call ``start``, and add the extra routes."""
        self.proxy.configure(proxy)
        extra = self._extra
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
        """Call ``add_route``, unless an extra route has the same routespec."""
        if route.routespec in self._extra:
            self._hidden[route.routespec] = route
            return
        await self._add(route)

    @hookimpl
    async def hub_route_delete(self, routespec: str) -> None:
        """Call ``delete_route``, unless an extra route has this routespec."""
        self._hidden.pop(routespec, None)
        if routespec not in self._extra:
            await self._call(self.proxy.delete_route, routespec)

    @hookimpl
    async def hub_routes(self, activity: bool) -> Sequence[Route]:
        """Call ``get_all_routes``, and repair the extra routes."""
        found = await self._found(activity=activity)
        await self._repair_extra(found)
        routes = [_as_route(spec, entry) for spec, entry in found.items() if not _is_extra(entry)]
        return [route for route in routes if route.routespec not in self._hidden] + [*self._hidden.values()]

    @hookimpl
    async def hub_routes_replace(self, routes: Sequence[Route]) -> None:
        """Call ``replace_routes`` if the class has it, else change the differing routes one by one."""
        extra = self._extra
        self._hidden = {route.routespec: route for route in routes if route.routespec in extra}
        wanted = {route.routespec: route for route in [*routes, *extra.values()]}
        replace = getattr(self.proxy, "replace_routes", None)
        if replace is not None:
            await self._call(replace, {spec: self._entry(route) for spec, route in wanted.items()})
            return
        found = await self._found(activity=False)
        current = {spec: _as_route(spec, entry) for spec, entry in found.items()}
        surplus = [spec for spec in current if spec not in wanted]
        missing = [route for spec, route in wanted.items() if current.get(spec) != route]
        await self._run_all([(self._call, (self.proxy.delete_route, spec)) for spec in surplus])
        await self._run_all([(self._add, (route,)) for route in missing])

    # ---- extra routes

    @property
    def _extra(self) -> dict[str, Route]:
        routes = {}
        for routespec, target in self.proxy.extra_routes.items():
            spec = self.proxy.validate_routespec(routespec)
            routes[spec] = Route(routespec=spec, target=target.rstrip("/"), data={EXTRA: True})
        return routes

    async def _repair_extra(self, found: Found) -> None:
        extra = self._extra
        for spec, entry in found.items():
            if _is_extra(entry) and spec not in extra:
                await self._call(self.proxy.delete_route, spec)
        for spec, route in extra.items():
            if spec not in found or _as_route(spec, found[spec]) != route:
                await self._add(route)

    # ---- calls

    async def _found(self, *, activity: bool) -> Found:
        wanted = {"activity": activity} if self._asks_for_activity else {}
        found: Found = await self._call(self.proxy.get_all_routes, **wanted)
        return found

    async def _add(self, route: Route) -> None:
        entry = self._entry(route)
        more = [entry["more_targets"]] if entry["more_targets"] else []
        await self._call(self.proxy.add_route, route.routespec, route.target, entry["data"], *more)

    def _entry(self, route: Route) -> dict[str, Any]:
        data, more = dict(route.data), tuple(route.more_targets)
        if more and not _takes(self.proxy.add_route, "more_targets"):
            data, more = {**data, UNUSED_TARGETS: list(more)}, ()
        return {"routespec": route.routespec, "target": route.target, "data": data, "more_targets": more}

    async def _run_all(self, calls: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]]) -> None:
        limit = asyncio.Semaphore(MAX_CONCURRENT)

        async def run(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
            async with limit:
                await function(*args)

        # A failed change must not prevent the others.
        tried = await asyncio.gather(*(run(*each) for each in calls), return_exceptions=True)
        for error in filter(None, tried):
            raise error

    async def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return await call(self.plugin, function, *args, **kwargs)


def _takes(method: Callable[..., Any], argument: str) -> bool:
    return argument in inspect.signature(method).parameters


def _is_extra(entry: Mapping[str, Any]) -> bool:
    return bool((entry.get("data") or {}).get(EXTRA))


def _as_route(spec: str, entry: Mapping[str, Any]) -> Route:
    data = dict(entry.get("data") or {})
    activity = entry.get("last_activity")
    return Route(
        routespec=entry.get("routespec", spec),
        target=entry["target"],
        data=data,
        more_targets=tuple(data.pop(UNUSED_TARGETS, None) or entry.get("more_targets") or ()),
        last_activity=activity if isinstance(activity, datetime) else None,
    )
