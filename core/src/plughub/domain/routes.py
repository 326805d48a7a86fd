"""Routes: which prefix goes where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from plughub.domain.errors import InvalidError


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A prefix and where requests below it go.

    Attributes:
        routespec: ``/path/`` or ``host/path/``, with a slash at the end.
        target: ``http://address:port``, without a path; the full path of the request is kept.
        data: JSON-able, stored with the route: ``user`` and ``server_name``, ``service`` or ``hub``.
        more_targets: further addresses that serve the same; a proxy that can balance uses them.
        last_activity: last request or websocket byte, in UTC; None when not known.
    """

    routespec: str
    target: str
    data: Mapping[str, Any] = field(default_factory=dict)
    more_targets: tuple[str, ...] = ()
    last_activity: datetime | None = field(default=None, compare=False)

    def same_way(self, other: Route) -> bool:
        """Tell whether the other route leads to the same targets."""
        return (self.target, self.more_targets) == (other.target, other.more_targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLocation:
    """Where an active server is, as far as its route depends on it.

    Attributes:
        user: name of its user.
        name: name of the server.
        url: where it answers; empty before that is known.
        host: the machine it lives on when its spawner is bound to one; empty otherwise.
        prefix: the path below which it answers, as it was told at its start; ``/`` when that was not stored,
            empty before that is known.
        busy: something is being done to it, and whoever does it sees to the route.
        routed: it should have a route.
    """

    user: str
    name: str
    url: str
    host: str
    prefix: str
    busy: bool
    routed: bool


def check_routespec(routespec: str, *, host_routing: bool = False) -> str:
    """Check a routespec and end it with a slash.

    Args:
        routespec: ``/path/`` or, with host routing, ``host/path/``; ``/`` stands for all hosts.
        host_routing: whether routes have a host.

    Returns:
        The routespec with a slash at the end.

    Raises:
        InvalidError: it has a host and may not, or the reverse.
    """
    has_host = not routespec.startswith("/")
    if host_routing and not has_host and routespec != "/":
        raise InvalidError(f"routespec {routespec!r} needs a host: servers have hosts of their own")
    if has_host and not host_routing:
        raise InvalidError(f"routespec {routespec!r} must begin with a slash: subdomain_host is not set")
    return routespec if routespec.endswith("/") else routespec + "/"
