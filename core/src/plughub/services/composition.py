"""Composition of the services of one hub process.

The application, its web context and the test fixtures all use `compose`, so that tests exercise what
production runs. The module ``composition`` of each package defines its services and creates them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plughub.domain.scopes import ScopeTree
from plughub.domain.services import ServiceDeclaration
from plughub.kinds import ProxySettings
from plughub.plugin.hooks import Hooks
from plughub.services.basis import Basis
from plughub.services.coordination.change_feed import ChangeFeed
from plughub.services.coordination.hub_registry import HubRegistry
from plughub.services.coordination.live_updates import LiveUpdates
from plughub.services.hub_services.composition import ProgramServices, compose_programs
from plughub.services.insight.composition import InsightServices, compose_insight
from plughub.services.insight.monitor import WatchedParts
from plughub.services.invalidation import Invalidation
from plughub.services.observability.events import EventPublisher
from plughub.services.observability.metrics import Metrics
from plughub.services.operations.composition import OperationServices, compose_operations
from plughub.services.routes.composition import RouteServices, compose_routes
from plughub.services.secrets.auth_states import AuthStates
from plughub.services.servers.composition import ServerServices, compose_servers
from plughub.services.settings import HubSettings
from plughub.services.sharing.composition import SharingServices, compose_sharing
from plughub.services.tokens.composition import TokenServices, compose_tokens
from plughub.services.users.composition import UserRules, UserServices, compose_users
from plughub.storage.store import Store


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """Everything that `compose` needs to create the services.

    Attributes:
        store: the storage.
        hooks: hooks of the active plugins.
        settings: settings of the hub.
        tree: hierarchy of scopes.
        proxy: settings of the proxy.
        auth_states: stored auth state of users.
        cookie_secret: signs cookies and the digests of managed services.
        services_folder: folder for logs and marks of managed services.
        watched: what the process watches on its machine.
        metrics: metrics of this process.
        declared_services: services from the configuration.
        user_rules: rules of the configuration for names of users.
    """

    store: Store
    hooks: Hooks
    settings: HubSettings
    tree: ScopeTree
    proxy: ProxySettings
    auth_states: AuthStates
    cookie_secret: bytes = field(repr=False)
    services_folder: Path
    watched: WatchedParts = field(default_factory=WatchedParts)
    metrics: Metrics = field(default_factory=Metrics)
    declared_services: Collection[ServiceDeclaration] = ()
    user_rules: UserRules = field(default_factory=UserRules)


@dataclass(frozen=True, kw_only=True)
class HubServices(
    Basis,
    TokenServices,
    RouteServices,
    ProgramServices,
    OperationServices,
    ServerServices,
    SharingServices,
    UserServices,
    InsightServices,
):
    """All services of one hub process, those of the packages by the names in their records.

    Attributes:
        hub_registry: registry of hub processes with their heartbeats.
        live_updates: tells open pages what has changed.
    """

    hub_registry: HubRegistry
    live_updates: LiveUpdates

    @property
    def background(self) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """Loops that run as long as the process, except event delivery and metrics."""
        return (
            self.runner.claim_free_operations,
            self.runner.renew_leases,
            self.poller.run,
            self.poller.stop_orphans,
            self.unrunnable_operations.run,
            self.route_reconciler.run,
            self.managed_services.run,
            self.service_checks.run,
            self.hub_registry.send_heartbeats,
            self.hub_registry.poll_changes,
            self.hub_registry.run_housekeeping,
            self.activity.run,
            self.deletion.resume_pending,
            self.logins.refusals.run,
            self.monitor.run,
            self.usage_samples.run,
        )


def compose(given: Foundation) -> HubServices:
    """Create the services and connect them, without starting anything.

    Args:
        given: dependencies of the services. From now on, its store reports changes to them.

    Returns:
        The services.
    """
    store, hooks, settings, tree = given.store, given.hooks, given.settings, given.tree
    basis = Basis(
        store=store,
        hooks=hooks,
        settings=settings,
        tree=tree,
        auth_states=given.auth_states,
        events=EventPublisher(hooks),
        change_feed=ChangeFeed(),
    )
    tokens = compose_tokens(store, hooks, settings, tree, basis.change_feed)
    programs = compose_programs(basis, given.declared_services, given.services_folder, given.cookie_secret)
    routes = compose_routes(basis, given.proxy, given.metrics)
    operations = compose_operations(basis, routes)
    servers = compose_servers(basis, routes, operations)
    users = compose_users(basis, given.user_rules, tokens, operations, servers)
    sharing = compose_sharing(basis)
    insight = compose_insight(basis, given.metrics, given.watched, servers)
    live = LiveUpdates(store)
    caches = tokens.tokens.cache, basis.change_feed, operations.runner, programs.service_checks, live
    packages = (basis, tokens, programs, routes, operations, servers, users, sharing, insight)
    return HubServices(
        hub_registry=_connect(store, settings, Invalidation(*caches, insight.announcements)),
        live_updates=live,
        **{name: service for package in packages for name, service in vars(package).items()},
    )


def _connect(store: Store, settings: HubSettings, invalidation: Invalidation) -> HubRegistry:
    """Report changes by this process, and by others through its registry, to the parts that cache."""
    store.changed = invalidation.changed
    return HubRegistry(
        store,
        settings,
        invalidation.changed,
        invalidation.snapshot_received,
        invalidation.changes_missed,
    )
