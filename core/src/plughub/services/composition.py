"""Composition of the services of one hub process.

The application, its web context and the test fixtures all use `compose`, so that tests exercise what
production runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plughub.domain.scopes import ScopeTree
from plughub.domain.servers import OperationKind
from plughub.domain.services import ServiceDeclaration
from plughub.kinds import ProxySettings
from plughub.plugin.hooks import Hooks
from plughub.services.coordination.change_feed import ChangeFeed
from plughub.services.coordination.hub_registry import HubRegistry
from plughub.services.hub_services.admin import ServiceAdmin
from plughub.services.hub_services.health_checks import ServiceChecks
from plughub.services.hub_services.launcher import Launcher
from plughub.services.hub_services.managed_services import ManagedServices
from plughub.services.invalidation import Invalidation
from plughub.services.observability.events import EventPublisher
from plughub.services.observability.metrics import Metrics
from plughub.services.operations.cleanup import ServerCleanup
from plughub.services.operations.runner import Runner
from plughub.services.operations.server_watch import ServerWatch
from plughub.services.operations.start import StartSteps
from plughub.services.operations.stop import StopSteps
from plughub.services.routes.activity import ActivityService
from plughub.services.routes.route_reconciler import RouteReconciler
from plughub.services.routes.router import Router
from plughub.services.secrets.auth_states import AuthStates
from plughub.services.servers.force_forget import ForceForget
from plughub.services.servers.named_servers import NamedServers
from plughub.services.servers.poller import Poller
from plughub.services.servers.servers import ServerService
from plughub.services.servers.unrunnable_operations import UnrunnableOperations
from plughub.services.settings import HubSettings
from plughub.services.sharing.codes import ShareCodeService
from plughub.services.sharing.shares import SharingService
from plughub.services.tokens.oauth import OAuthService
from plughub.services.tokens.tokens import TokenService
from plughub.services.users.admin import UserAdmin
from plughub.services.users.deletion import UserDeletion
from plughub.services.users.groups import GroupService
from plughub.services.users.identities import IdentityService
from plughub.services.users.login import LoginService
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.services.users.refresh import Refresher
from plughub.services.users.sessions import SessionService
from plughub.services.users.startup_user_sync import StartupUserSync, UserPreparation
from plughub.services.users.users import UserService
from plughub.storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """Everything that `compose` needs to create the services.

    Attributes:
        store: the storage.
        hooks: hooks of the active plugins.
        settings: settings of the hub.
        tree: hierarchy of scopes.
        proxy: settings of the proxy.
        auth_states: stored auth state of users.
        metrics: metrics of this process.
        cookie_secret: signs cookies and the digests of managed services.
        services_folder: folder for logs and marks of managed services.
        declared_services: services from the configuration.
        given_names: users named in the configuration; the API cannot rename them.
        name_is_valid: whether an authenticator accepts a user name.
        delete_invalid: authenticators with ``delete_invalid_users``: rejected users are deleted at startup.
        blocked: names of blocked users.
    """

    store: Store
    hooks: Hooks
    settings: HubSettings
    tree: ScopeTree
    proxy: ProxySettings
    auth_states: AuthStates
    cookie_secret: bytes = field(repr=False)
    services_folder: Path
    metrics: Metrics = field(default_factory=Metrics)
    declared_services: Collection[ServiceDeclaration] = ()
    configured_names: Collection[str] = frozenset()
    is_valid_username: Callable[[str], bool] = lambda _name: True
    delete_invalid: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class HubServices:
    """All services of one hub process.

    Attributes:
        store: the storage.
        hooks: hooks of the active plugins.
        settings: settings of the hub.
        tree: hierarchy of scopes.
        auth_states: stored auth state of users.
        events: publishes events to plugins.
        tokens: authenticates API tokens.
        sessions: authenticates login cookies.
        oauth: the OAuth 2 provider.
        users: finds users.
        user_admin: lists, creates, changes and deletes users.
        user_preparation: calls authenticators for new users.
        deletion: deletes users.
        startup_user_sync: checks all users against the authenticators once, at startup.
        groups: finds and changes groups.
        logins: logs users in and out.
        refresher: re-checks users with their authenticator after a while.
        service_admin: finds, creates and deletes services.
        managed_services: starts and stops the services that the hub manages.
        service_checks: checks the health of services.
        servers: starts and stops servers.
        named_servers: creates and changes servers that are not running.
        force_forget: marks servers as stopped whose plugin or machine is permanently lost.
        server_watch: records which servers changed, for subscribers.
        runner: executes operations.
        poller: polls running servers.
        unrunnable_operations: ends operations that no hub process can execute.
        sharing: grants and revokes shares of servers.
        share_codes: creates and accepts share codes.
        activity: records activity.
        router: adds, removes and repairs routes of the proxy.
        route_reconciler: keeps the proxy running and its routes correct.
        hub_registry: registry of hub processes with their heartbeats.
    """

    store: Store
    hooks: Hooks
    settings: HubSettings
    tree: ScopeTree
    auth_states: AuthStates
    events: EventPublisher
    tokens: TokenService
    sessions: SessionService
    oauth: OAuthService
    users: UserService
    user_admin: UserAdmin
    user_preparation: UserPreparation
    deletion: UserDeletion
    startup_user_sync: StartupUserSync
    groups: GroupService
    logins: LoginService
    refresher: Refresher
    service_admin: ServiceAdmin
    managed_services: ManagedServices
    service_checks: ServiceChecks
    servers: ServerService
    named_servers: NamedServers
    force_forget: ForceForget
    server_watch: ServerWatch
    runner: Runner
    poller: Poller
    unrunnable_operations: UnrunnableOperations
    sharing: SharingService
    share_codes: ShareCodeService
    activity: ActivityService
    router: Router
    route_reconciler: RouteReconciler
    hub_registry: HubRegistry

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
        )


def compose(given: Foundation) -> HubServices:
    """Create the services and connect them, without starting anything.

    Args:
        given: what the services are made from. Its store reports changes to them from now on.

    Returns:
        The services.
    """
    store, hooks, settings, tree = given.store, given.hooks, given.settings, given.tree
    basis = store, hooks, settings
    change_feed, server_watch, events = ChangeFeed(), ServerWatch(), EventPublisher(hooks)
    longest, limit = settings.token_expires_in_max, settings.token_limit
    tokens = TokenService(store, hooks, tree, longest=longest, limit=limit)
    router = Router(*basis, given.proxy, change_feed)
    runner = Runner(store, settings, server_watch)
    service_checks = ServiceChecks(store, settings)
    invalidation = Invalidation(tokens.cache, change_feed, runner, service_checks)
    store.changed = invalidation.changed
    cleanup = ServerCleanup(hooks, settings, given.auth_states)
    parts = (hooks, settings, router, events, cleanup)
    runner.set_steps({OperationKind.START: StartSteps(*parts), OperationKind.STOP: StopSteps(*parts)})
    servers = ServerService(*basis, runner, server_watch, events)
    activity = ActivityService(store, settings)
    identities = IdentityService(settings, tree, frozenset({ONETIME}))
    user_preparation = UserPreparation(*basis)
    names = given.is_valid_username, given.configured_names
    deletion = UserDeletion(*basis, servers, cleanup, change_feed)
    launcher = Launcher(settings, given.services_folder, given.cookie_secret)
    return HubServices(
        store=store,
        hooks=hooks,
        settings=settings,
        tree=tree,
        auth_states=given.auth_states,
        events=events,
        tokens=tokens,
        sessions=SessionService(store, tokens, settings),
        oauth=OAuthService(store, settings, tree),
        users=UserService(store),
        user_admin=UserAdmin(*basis, tree, user_preparation, deletion, *names),
        user_preparation=user_preparation,
        deletion=deletion,
        startup_user_sync=StartupUserSync(
            store,
            settings,
            user_preparation,
            deletion,
            delete_invalid=given.delete_invalid,
            blocked=given.blocked,
        ),
        groups=GroupService(store, tree),
        logins=LoginService(*basis, events, identities, given.auth_states),
        refresher=Refresher(*basis, identities, given.auth_states),
        service_admin=ServiceAdmin(store, settings, tree),
        managed_services=ManagedServices(store, settings, launcher, given.declared_services),
        service_checks=service_checks,
        servers=servers,
        named_servers=NamedServers(*basis),
        force_forget=ForceForget(*basis, router, server_watch),
        server_watch=server_watch,
        runner=runner,
        poller=Poller(*basis, servers, router, change_feed),
        unrunnable_operations=UnrunnableOperations(store, settings, server_watch),
        sharing=SharingService(store, tree),
        share_codes=ShareCodeService(store, tree),
        activity=activity,
        router=router,
        route_reconciler=RouteReconciler(*basis, router, activity, given.metrics.time_route_check),
        hub_registry=HubRegistry(
            store,
            settings,
            invalidation.changed,
            invalidation.up_to_date,
            invalidation.snapshot_received,
            invalidation.changes_missed,
        ),
    )
