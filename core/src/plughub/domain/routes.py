"""Routes and the server locations that they depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from plughub.domain.errors import InvalidError


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Prefix and the target of requests below it.

    Attributes:
        routespec: ``/path/`` or ``host/path/``, with a slash at the end.
        target: ``http://address:port`` without a path; the full path of the request is kept.
        data: JSON-able data stored with the route: ``user`` and ``server_name``, ``service`` or ``hub``.
        more_targets: alternative targets for proxies that can balance load.
        last_activity: time of the last request or websocket byte, in UTC; None if unknown.
    """

    routespec: str
    target: str
    data: Mapping[str, Any] = field(default_factory=dict)
    more_targets: tuple[str, ...] = ()
    last_activity: datetime | None = field(default=None, compare=False)

    def same_way(self, other: Route) -> bool:
        """Return whether the other route has the same targets."""
        return (self.target, self.more_targets) == (other.target, other.more_targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLocation:
    """Location of an active server, as far as its route depends on it.

    Attributes:
        user: name of its user.
        name: name of the server.
        url: its address; empty while unknown.
        host: the machine of the server if its spawner is bound to one; otherwise empty.
        prefix: path of the server, as passed to its start; ``/`` if it was not stored, empty while unknown.
        busy: whether an operation is in progress, whose runner manages the route.
        routed: whether it should have a route.
    """

    user: str
    name: str
    url: str
    host: str
    prefix: str
    busy: bool
    routed: bool


def check_routespec(routespec: str, *, host_routing: bool = False) -> str:
    """Return a routespec with a slash at the end.

    Args:
        routespec: ``/path/`` or, with host routing, ``host/path/``; ``/`` stands for all hosts.
        host_routing: whether routes include a host.

    Raises:
        InvalidError: the host is missing or not allowed.
    """
    has_host = not routespec.startswith("/")
    if host_routing and not has_host and routespec != "/":
        raise InvalidError(f"routespec {routespec!r} needs a host: servers have hosts of their own")
    if has_host and not host_routing:
        raise InvalidError(f"routespec {routespec!r} must begin with a slash: subdomain_host is not set")
    return routespec if routespec.endswith("/") else routespec + "/"
