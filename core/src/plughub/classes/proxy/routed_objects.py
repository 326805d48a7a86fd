"""Plain objects that describe hub, users and services to a proxy, as far as routes depend on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from plughub.domain.names import quote_path
from plughub.domain.routes import Route


@dataclass(frozen=True)
class ProxyServer:
    """Address of a server behind the proxy.

    Attributes:
        host: ``http://address:port``, the target of the route.
        base_url: path prefix of the server.
    """

    host: str
    base_url: str = "/"

    @property
    def url(self) -> str:
        """``http://address:port/path/``."""
        return f"{self.host}{self.base_url}"


@dataclass(frozen=True)
class ProxyHub:
    """The hub, as the argument of `Proxy.add_hub_route`.

    Attributes:
        routespec: prefix of the hub's route.
        host: ``http://address:port`` of a hub process.
        more_targets: further hub processes.
        base_url: path prefix of the hub, such as ``/hub/``.
    """

    routespec: str = "/"
    host: str = ""
    more_targets: tuple[str, ...] = ()
    base_url: str = "/hub/"

    @property
    def url(self) -> str:
        """``http://address:port/hub/``."""
        return f"{self.host}{self.base_url}"

    @property
    def server(self) -> ProxyServer:
        """Address of the hub."""
        return ProxyServer(self.host, self.base_url)


@dataclass(frozen=True)
class ProxySpawner:
    """Server of a user.

    Attributes:
        name: name of the server; empty for the default server.
        proxy_spec: prefix of its route.
        server: its address; None while it starts or stops.
        ready: whether it should have a route.
        pending: a text while it starts or stops, when its route must stay as it is; None otherwise.
    """

    name: str
    proxy_spec: str
    server: ProxyServer | None = None
    ready: bool = False
    pending: str | None = None


@dataclass(frozen=True)
class ProxyUser:
    """User, as the argument of `Proxy.add_user`.

    Attributes:
        name: normalised username.
        spawners: the user's servers by name, as far as the call concerns them.
    """

    name: str
    spawners: dict[str, ProxySpawner] = field(default_factory=dict)

    @property
    def escaped_name(self) -> str:
        """Username as a segment of a URL path."""
        return quote_path(self.name)

    @property
    def proxy_spec(self) -> str:
        """Prefix of the routes of the user's servers."""
        for name, spawner in self.spawners.items():
            return spawner.proxy_spec.removesuffix(f"{quote_path(name)}/") if name else spawner.proxy_spec
        return ""


@dataclass(frozen=True)
class ProxyService:
    """Service, as the argument of `Proxy.add_service`.

    Attributes:
        name: name of the service.
        proxy_spec: prefix of its route.
        server: its address.
    """

    name: str
    proxy_spec: str
    server: ProxyServer | None = None


@dataclass(frozen=True)
class RoutedObjects:
    """Routes, grouped by what they lead to.

    Attributes:
        hub: the hub; None if its route is not among them.
        users: users by name.
        services: services by name.
        others: routes that lead to nothing of these.
    """

    hub: ProxyHub | None = None
    users: dict[str, ProxyUser] = field(default_factory=dict)
    services: dict[str, ProxyService] = field(default_factory=dict)
    others: tuple[Route, ...] = ()


def routed_objects(
    routes: Iterable[Route], *, base_url: str = "/", pending: Iterable[Route] = ()
) -> RoutedObjects:
    """Group routes by the data that the hub attaches to them.

    Args:
        routes: the routes.
        base_url: path prefix of the whole application.
        pending: routes of servers that start or stop.
    """
    hub: ProxyHub | None = None
    users: dict[str, ProxyUser] = {}
    services: dict[str, ProxyService] = {}
    others: list[Route] = []
    for route, is_pending in [*((each, False) for each in routes), *((each, True) for each in pending)]:
        data, server = route.data, ProxyServer(route.target, route.routespec)
        if data == {"hub": True}:
            hub = ProxyHub(route.routespec, route.target, tuple(route.more_targets), f"{base_url}hub/")
        elif (name := _name_in(data, {"service"}, "service")) is not None:
            services[name] = ProxyService(name, route.routespec, server)
        elif (name := _name_in(data, {"user", "server_name"}, "user")) is not None:
            spawners = users.setdefault(name, ProxyUser(name)).spawners
            own = str(data["server_name"])
            spawners[own] = ProxySpawner(
                own,
                route.routespec,
                None if is_pending else server,
                ready=not is_pending,
                pending="start or stop" if is_pending else None,
            )
        else:
            others.append(route)
    return RoutedObjects(hub, users, services, tuple(others))


def _name_in(data: Mapping[str, Any], keys: set[str], key: str) -> str | None:
    name = data.get(key)
    return name if set(data) == keys and isinstance(name, str) else None
