"""The services of one hub process, made and connected in one place.

The application, its web context and every test fixture use `compose`: a test exercises what production
runs.
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
    """What the services are made from.

    Attributes:
        store: the storage.
        hooks: the hooks of the active plugins.
        settings: of the hub.
        tree: the scopes of the hub.
        proxy: settings of the proxy.
        auth_states: the saved secrets of users.
        metrics: what is measured.
        cookie_secret: signs cookies, and the digests of managed services.
        services_folder: for the logs and marks of managed services.
        declared_services: those of the configuration.
        given_names: users whom the configuration names; the API cannot rename them.
        name_is_valid: whether an authenticator accepts a name of a user.
        delete_invalid: authenticators that have users deleted whom they refuse at the start.
        blocked: names of users who are blocked.
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
    given_names: Collection[str] = frozenset()
    name_is_valid: Callable[[str], bool] = lambda _name: True
    delete_invalid: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class HubServices:
    """Every service of one hub process.

    Attributes:
        store: the storage.
        hooks: the hooks of the active plugins.
        settings: of the hub.
        tree: the scopes of the hub.
        auth_states: the saved secrets of users.
        events: tells plugins what happened.
        tokens: who makes a request with a token.
        sessions: who makes a request with a login cookie.
        oauth: the OAuth2 provider.
        users: finds users.
        user_admin: lists, creates, changes and deletes users.
        preparation: asks authenticators about users who are added.
        deletion: deletes users.
        startup_user_sync: asks authenticators about all users, once.
        groups: finds and changes groups.
        logins: logs in and out.
        refresher: asks authenticators again about users who logged in a while ago.
        service_admin: finds, makes and deletes services.
        managed: starts and stops the services that the hub manages.
        service_checks: looks whether services answer.
        servers: starts and stops.
        named_servers: makes and changes servers that do not run.
        force_forget: calls servers stopped whose plugin or machine never returns.
        server_watch: wait for changes of servers.
        runner: executes starts and stops.
        poller: asks the spawners about running servers.
        unrunnable: ends operations that no hub can execute.
        sharing: grants and takes back shares of servers.
        share_codes: makes and accepts codes for such shares.
        activity: notes activity.
        router: knows the routes of the proxy and mends them.
        routes: keeps the proxy alive and its routes right.
        hub_registry: the list of hub processes and their heartbeats.
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
    preparation: UserPreparation
    deletion: UserDeletion
    startup_user_sync: StartupUserSync
    groups: GroupService
    logins: LoginService
    refresher: Refresher
    service_admin: ServiceAdmin
    managed: ManagedServices
    service_checks: ServiceChecks
    servers: ServerService
    named_servers: NamedServers
    force_forget: ForceForget
    server_watch: ServerWatch
    runner: Runner
    poller: Poller
    unrunnable: UnrunnableOperations
    sharing: SharingService
    share_codes: ShareCodeService
    activity: ActivityService
    router: Router
    routes: RouteReconciler
    hub_registry: HubRegistry

    @property
    def background(self) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """What runs as long as the process does, besides what reports to plugins and measures."""
        return (
            self.runner.look_for_work,
            self.runner.keep_leases,
            self.poller.run,
            self.poller.remove_leftovers,
            self.unrunnable.run,
            self.routes.run,
            self.managed.run,
            self.service_checks.run,
            self.hub_registry.beat,
            self.hub_registry.follow_changes,
            self.hub_registry.keep_house,
            self.activity.run,
            self.deletion.go_on,
            self.logins.refusals.run,
        )


def compose(given: Foundation) -> HubServices:
    """Make the services and connect them; nothing runs yet.

    Args:
        given: what they are made from. Its store reports changes to them from now on.

    Returns:
        The services.
    """
    store, hooks, settings, tree = given.store, given.hooks, given.settings, given.tree
    basis = store, hooks, settings
    change_feed, server_watch, events = ChangeFeed(), ServerWatch(), EventPublisher(hooks)
    tokens = TokenService(
        store, hooks, tree, longest=settings.token_expires_in_max, limit=settings.token_limit
    )
    router = Router(*basis, given.proxy, change_feed)
    runner = Runner(store, settings, server_watch)
    service_checks = ServiceChecks(store, settings)
    invalidation = Invalidation(tokens.cache, change_feed, runner, service_checks)
    store.changed = invalidation.changed
    clean_up = ServerCleanup(hooks, settings, given.auth_states)
    parts = (hooks, settings, router, events, clean_up)
    runner.use({OperationKind.START: StartSteps(*parts), OperationKind.STOP: StopSteps(*parts)})
    servers = ServerService(*basis, runner, server_watch, events)
    activity = ActivityService(store, settings)
    keeper = IdentityService(settings, tree, frozenset({ONETIME}))
    preparation = UserPreparation(*basis)
    deletion = UserDeletion(*basis, servers, clean_up, change_feed)
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
        user_admin=UserAdmin(*basis, tree, preparation, deletion, given.name_is_valid, given.given_names),
        preparation=preparation,
        deletion=deletion,
        startup_user_sync=StartupUserSync(
            store,
            settings,
            preparation,
            deletion,
            delete_invalid=given.delete_invalid,
            blocked=given.blocked,
        ),
        groups=GroupService(store, tree),
        logins=LoginService(*basis, events, keeper, given.auth_states),
        refresher=Refresher(*basis, keeper, given.auth_states),
        service_admin=ServiceAdmin(store, settings, tree),
        managed=ManagedServices(store, settings, launcher, given.declared_services),
        service_checks=service_checks,
        servers=servers,
        named_servers=NamedServers(*basis),
        force_forget=ForceForget(*basis, router, server_watch),
        server_watch=server_watch,
        runner=runner,
        poller=Poller(*basis, servers, router, change_feed),
        unrunnable=UnrunnableOperations(store, settings, server_watch),
        sharing=SharingService(store, tree),
        share_codes=ShareCodeService(store, tree),
        activity=activity,
        router=router,
        routes=RouteReconciler(*basis, router, activity, given.metrics.route_check),
        hub_registry=HubRegistry(
            store,
            settings,
            invalidation.changed,
            invalidation.heard,
            invalidation.felt,
            invalidation.missed,
        ),
    )
