"""The routes that the database expects, as far as they lead where they should from the proxy's machine."""

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
from plughub.services.coordination.hub_registry import hubs_alive, machines_of
from plughub.services.server_records import route_data
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.routing")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the routes follow from."""

    places: Collection[ServerLocation]
    services: Collection[Service]
    hubs: Collection[HubProcess]


class ExpectedRoutes:
    """Works out which routes should stand.

    Args:
        store: the storage.
        settings: of the hub.
    """

    def __init__(self, store: Store, settings: HubSettings) -> None:
        self._store = store
        self._settings = settings
        self.hub_spec = "/" if settings.origins.by_host else settings.base_url
        """Routespec of the hub: what is below ``base_url``, or all hosts where routes have one."""
        self._made: dict[ServerLocation, Route] = {}
        self._withheld: frozenset[str] = frozenset()

    async def read(self) -> tuple[dict[str, Route], set[str]]:
        """Read the routes from the database.

        Returns:
            The routes by prefix, and the prefixes of the servers to which something is being done.
        """
        return self._should_stand(await self._store.read(self._look))

    async def reaches(self, server: ServerRecord) -> bool:
        """Tell whether the address of a server leads there from the machine of the proxy."""
        return not server.host or (await self._machines()).reaches(server.url, server.host)

    async def may_be_missing(self, server: ServerRecord) -> bool:
        """Tell whether a proxy of the hub gets no route to a server because of the server's address."""
        return bool(server.host) and (await self._machines()).may_differ(server.url, server.host)

    def of_hubs(self, hubs: Collection[HubProcess]) -> Route:
        """Return the route that takes everything that no server takes.

        Args:
            hubs: the processes that are alive.

        Returns:
            The route. A proxy that knows one target only uses the first, so this process, which sees to
            the routes, stands first; where it is not among them, the others are in one order for all.
        """
        machines, mine = machines_of(hubs, self._settings), self._settings.hub_url
        urls = {hub.url for hub in hubs if machines.reaches(hub.url, hub.host)}
        first, *more = sorted(urls, key=lambda url: (url != mine, url)) or [mine]
        return Route(routespec=self.hub_spec, target=first, more_targets=tuple(more), data={"hub": True})

    def of_server(self, server: ServerRecord | ServerLocation) -> Route:
        """Return the route of a server."""
        return Route(
            routespec=server_routespec(self._settings, server),
            target=server.url,
            data=route_data(server),
        )

    async def _machines(self) -> Machines:
        hubs = await self._store.read(lambda tx: hubs_alive(tx, self._settings.lease))
        return machines_of(hubs, self._settings)

    def _look(self, tx: Transaction) -> _Seen:
        return _Seen(tx.servers.places(), tx.services.routed(), hubs_alive(tx, self._settings.lease))

    def _should_stand(self, seen: _Seen) -> tuple[dict[str, Route], set[str]]:
        self._made = made = {place: self._made.get(place) or self.of_server(place) for place in seen.places}
        machines = machines_of(seen.hubs, self._settings)
        services = [one for one in seen.services if machines.reaches(one.target, one.host)]
        routed = {place: machines.reaches(place.url, place.host) for place in seen.places if place.routed}
        self._tell(machines, [place for place, reached in routed.items() if not reached])
        servers = (made[place] for place, reached in routed.items() if reached)
        wanted = [self.of_hubs(seen.hubs), *map(self._of_service, services), *servers]
        busy = {route.routespec for place, route in made.items() if place.busy}
        return {route.routespec: route for route in wanted}, busy

    def _of_service(self, service: Service) -> Route:
        return Route(
            routespec=service_routespec(self._settings, service.name),
            target=service.target,
            data={"service": service.name},
        )

    def _tell(self, machines: Machines, withheld: Iterable[ServerLocation]) -> None:
        """Log which servers have no route here, once for each."""
        found = {f"{place.user}/{place.name}": place for place in withheld}
        for name in sorted(found.keys() - self._withheld):
            place = found[name]
            log.warning(
                "no route to %s from the proxy%s: %s leads to it on machine %s alone. Set Spawner.ip there "
                "to an address of that machine that the others reach",
                name,
                f" on machine {machines.proxy}" if machines.proxy else "",
                place.url,
                place.host,
            )
        self._withheld = frozenset(found)
