"""Expected routes: derived from the database, where addresses are reachable from the proxy's machine."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from plughub.domain.hub_processes import HubProcess
from plughub.domain.machines import Machines
from plughub.domain.routes import Route, ServerLocation
from plughub.domain.servers import ServerRecord
from plughub.domain.services import Service
from plughub.services.addresses import server_routespec, service_routespec
from plughub.services.coordination.hub_registry import live_hubs, machines_of
from plughub.services.server_records import route_data
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.routing")


@dataclass(frozen=True, slots=True)
class _StoredFacts:
    """Stored facts from which the routes are derived."""

    places: Collection[ServerLocation]
    services: Collection[Service]
    hubs: Collection[HubProcess]


class ExpectedRoutes:
    """Derives the expected routes from the database.

    Args:
        store: the storage.
        settings: settings of the hub.
    """

    def __init__(self, store: Store, settings: HubSettings) -> None:
        self._store = store
        self._settings = settings
        self.hub_spec = settings.hub_routespec or ("/" if settings.origins.by_host else settings.base_url)
        """Routespec of the hub: by default what is below ``base_url``, or all hosts where routes have one."""
        self._made: dict[ServerLocation, Route] = {}
        self._withheld: frozenset[str] = frozenset()

    async def read(self) -> tuple[dict[str, Route], dict[str, Route]]:
        """Return the expected routes by routespec, and the routes of servers that are being changed."""
        return self._expected(await self._store.read(self._read))

    async def reaches(self, server: ServerRecord) -> bool:
        """Return whether the proxy's machine reaches a server at its address."""
        if not server.host:
            return True
        # A proxy on a known machine reaches its own, whichever hub processes live.
        known = Machines(self._settings.proxy_host) if self._settings.proxy_host else None
        return (known or await self._machines()).reaches(server.url, server.host)

    async def may_be_missing(self, server: ServerRecord) -> bool:
        """Return whether the server's address may keep a proxy of the hub from having a route to it."""
        return bool(server.host) and (await self._machines()).may_differ(server.url, server.host)

    def of_hubs(self, hubs: Collection[HubProcess]) -> Route:
        """Return the route of the hub: all requests below its prefix except those to servers and services.

        Args:
            hubs: the live processes, as they are stored.
        """
        # A proxy that supports one target only uses the first: this process. Where it is not among the
        # targets, all processes use the same order.
        machines, own_url = machines_of(hubs, self._settings), self._settings.hub_url
        urls = {hub.url for hub in hubs if machines.reaches(hub.url, hub.host)}
        first, *more = sorted(urls, key=lambda url: (url != own_url, url)) or [own_url]
        return Route(routespec=self.hub_spec, target=first, more_targets=tuple(more), data={"hub": True})

    def of_server(self, server: ServerRecord | ServerLocation) -> Route:
        """Return the route of a server."""
        return Route(
            routespec=server_routespec(self._settings, server),
            target=server.url,
            data=route_data(server),
        )

    async def _machines(self) -> Machines:
        hubs = await self._store.read(lambda tx: live_hubs(tx, self._settings.lease))
        return machines_of(hubs, self._settings)

    def _read(self, tx: Transaction) -> _StoredFacts:
        return _StoredFacts(tx.servers.places(), tx.services.routed(), live_hubs(tx, self._settings.lease))

    def _expected(self, facts: _StoredFacts) -> tuple[dict[str, Route], dict[str, Route]]:
        self._made = routes = {
            place: self._made.get(place) or self.of_server(place) for place in facts.places
        }
        machines = machines_of(facts.hubs, self._settings)
        services = [one for one in facts.services if machines.reaches(one.target, one.host)]
        routed = {place: machines.reaches(place.url, place.host) for place in facts.places if place.routed}
        self._log_withheld(machines, [place for place, reached in routed.items() if not reached])
        servers = (routes[place] for place, reached in routed.items() if reached)
        wanted = [self.of_hubs(facts.hubs), *map(self._of_service, services), *servers]
        busy = {route.routespec: route for place, route in routes.items() if place.busy}
        return {route.routespec: route for route in wanted}, busy

    def _of_service(self, service: Service) -> Route:
        return Route(
            routespec=service_routespec(self._settings, service.name),
            target=service.target,
            data={"service": service.name},
        )

    def _log_withheld(self, machines: Machines, withheld: Iterable[ServerLocation]) -> None:
        """Log which servers have no route from this proxy, once each."""
        found = {f"{place.user}/{place.name}": place for place in withheld}
        for name in sorted(found.keys() - self._withheld):
            place = found[name]
            log.warning(
                "no route to %s from the proxy%s: %s is reachable on machine %s only. Set Spawner.ip there "
                "to an address of that machine that other machines can reach",
                name,
                f" on machine {machines.proxy}" if machines.proxy else "",
                place.url,
                place.host,
            )
        self._withheld = frozenset(found)
