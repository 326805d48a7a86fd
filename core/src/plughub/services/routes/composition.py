"""Composition of the services of routes and activity."""

from __future__ import annotations

from dataclasses import dataclass

from plughub.kinds import ProxySettings
from plughub.services.basis import Basis
from plughub.services.observability.metrics import Metrics
from plughub.services.routes.activity import ActivityService
from plughub.services.routes.route_reconciler import RouteReconciler
from plughub.services.routes.router import Router


@dataclass(frozen=True, kw_only=True)
class RouteServices:
    """Services of this package.

    Attributes:
        activity: records activity.
        router: adds, removes and repairs routes of the proxy.
        route_reconciler: keeps the proxy running and its routes correct.
    """

    activity: ActivityService
    router: Router
    route_reconciler: RouteReconciler


def compose_routes(basis: Basis, proxy: ProxySettings, metrics: Metrics) -> RouteServices:
    """Create the services of this package."""
    parts = basis.store, basis.hooks, basis.settings
    activity = ActivityService(basis.store, basis.settings)
    router = Router(*parts, proxy, basis.change_feed)
    return RouteServices(
        activity=activity,
        router=router,
        route_reconciler=RouteReconciler(*parts, router, activity, metrics.time_route_check),
    )
