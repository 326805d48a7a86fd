"""Entries of the routing table of a proxy class, and calls that change them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from plughub.classes.user_code import call
from plughub.domain.routes import Route

if TYPE_CHECKING:
    from plughub.classes.proxy.proxy import Proxy

EXTRA: Final = "extra"
"""Key that marks the data of an extra route."""

UNUSED_TARGETS: Final = "unused_targets"
"""Key for further targets in the data of a route, for classes that cannot use them."""

MAX_CONCURRENT: Final = 32
"""Concurrent changes when the routes are replaced one by one."""

Entry = Mapping[str, Any]
Entries = Mapping[str, Entry]


def takes(method: Callable[..., Any], argument: str) -> bool:
    """Return whether a method has an argument."""
    return argument in inspect.signature(method).parameters


def is_extra(entry: Entry) -> bool:
    """Return whether an entry is an extra route."""
    return bool((entry.get("data") or {}).get(EXTRA))


def extra_routes(proxy: Proxy) -> dict[str, Route]:
    """Return the extra routes of a proxy by routespec."""
    routes = {}
    for routespec, target in proxy.extra_routes.items():
        spec = proxy.validate_routespec(routespec)
        routes[spec] = Route(routespec=spec, target=target.rstrip("/"), data={EXTRA: True})
    return routes


def entry_of(proxy: Proxy, route: Route) -> dict[str, Any]:
    """Return the entry of a route, as far as the class can use its targets."""
    data, more = dict(route.data), tuple(route.more_targets)
    if more and not takes(proxy.add_route, "more_targets"):
        data, more = {**data, UNUSED_TARGETS: list(more)}, ()
    return {"routespec": route.routespec, "target": route.target, "data": data, "more_targets": more}


def route_of(spec: str, entry: Entry) -> Route:
    """Return the route of an entry."""
    data = dict(entry.get("data") or {})
    activity = entry.get("last_activity")
    return Route(
        routespec=entry.get("routespec", spec),
        target=entry["target"],
        data=data,
        more_targets=tuple(data.pop(UNUSED_TARGETS, None) or entry.get("more_targets") or ()),
        last_activity=activity if isinstance(activity, datetime) else None,
    )


class ListedRoutes:
    """Routes that were made of a table, for as long as the class returns the same table.

    Only tables of read-only entries (``MappingProxyType``) are recognised, because a class may change
    others after it returned them. The comparison is cheap: unchanged entries are the same objects.
    """

    def __init__(self) -> None:
        self._table: Entries | None = None
        self._routes: tuple[Route, ...] = ()

    def of(self, table: Entries) -> tuple[Route, ...] | None:
        """Return the routes of a table that has not changed; None for another one."""
        return self._routes if self._table is not None and table == self._table else None

    def note(self, table: Entries, routes: list[Route]) -> Sequence[Route]:
        """Return the routes of a table; those of read-only entries without extra routes are remembered."""
        self._table = None
        if not all(type(entry) is MappingProxyType and not is_extra(entry) for entry in table.values()):
            return routes
        self._table, self._routes = dict(table), tuple(routes)
        return self._routes


async def add_entry(pool: str, proxy: Proxy, route: Route) -> None:
    """Call ``add_route``.

    Args:
        pool: name of the thread pool.
        proxy: the proxy.
        route: the route.
    """
    entry = entry_of(proxy, route)
    more = [entry["more_targets"]] if entry["more_targets"] else []
    await call(pool, proxy.add_route, route.routespec, route.target, entry["data"], *more)


async def run_all(changes: Iterable[Awaitable[Any]]) -> None:
    """Run changes concurrently.

    Raises:
        Exception: the first error, after all changes were tried.
    """
    limit = asyncio.Semaphore(MAX_CONCURRENT)

    async def run(change: Awaitable[Any]) -> None:
        async with limit:
            await change

    # A failed change must not prevent the others.
    tried = await asyncio.gather(*map(run, changes), return_exceptions=True)
    for error in filter(None, tried):
        raise error
