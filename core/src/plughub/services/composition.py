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
from plughub.services.coordination.change_feed import Pulse
from plughub.services.coordination.hub_registry import Membership
from plughub.services.hub_services.admin import ServiceAdmin
from plughub.services.hub_services.checks import ServiceChecks
from plughub.services.hub_services.launching import Launcher
from plughub.services.hub_services.managed import ManagedServices
from plughub.services.invalidation import Invalidation
from plughub.services.observing.events import EventTeller
from plughub.services.observing.metrics import Metrics
from plughub.services.operations.cleanup import CleanUp
from plughub.services.operations.runner import Runner
from plughub.services.operations.start import StartSteps
from plughub.services.operations.stop import StopSteps
from plughub.services.operations.watching import Watchers
from plughub.services.routes.activity import ActivityService
from plughub.services.routes.route_check import RouteKeeper
from plughub.services.routes.routing import Router
from plughub.services.secrets.auth_states import AuthStates
from plughub.services.servers.named_servers import NamedServers
from plughub.services.servers.orphans import Stranded
from plughub.services.servers.polling import Poller
from plughub.services.servers.removal import Forgetting
from plughub.services.servers.servers import ServerService
from plughub.services.settings import HubSettings
from plughub.services.sharing.codes import ShareCodeService
from plughub.services.sharing.shares import SharingService
from plughub.services.tokens.oauth import OAuthService
from plughub.services.tokens.tokens import TokenService
from plughub.services.users.admin import UserAdmin
from plughub.services.users.deletion import UserDeletion
from plughub.services.users.groups import GroupService
from plughub.services.users.identities import IdentityKeeper
from plughub.services.users.login import LoginService
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.services.users.preparation import RollCall, UserPreparation
from plughub.services.users.refresh import Refresher
from plughub.services.users.sessions import SessionService
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
        roll_call: asks authenticators about all users, once.
        groups: finds and changes groups.
        logins: logs in and out.
        refresher: asks authenticators again about users who logged in a while ago.
        service_admin: finds, makes and deletes services.
        managed: starts and stops the services that the hub manages.
        service_checks: looks whether services answer.
        servers: starts and stops.
        named_servers: makes and changes servers that do not run.
        forgetting: calls servers stopped whose plugin or machine never returns.
        watchers: wait for changes of servers.
        runner: executes starts and stops.
        poller: asks the spawners about running servers.
        stranded: ends operations that no hub can execute.
        sharing: grants and takes back shares of servers.
        share_codes: makes and accepts codes for such shares.
        activity: notes activity.
        router: knows the routes of the proxy and mends them.
        routes: keeps the proxy alive and its routes right.
        membership: the list of hub processes and their heartbeats.
    """

    store: Store
    hooks: Hooks
    settings: HubSettings
    tree: ScopeTree
    auth_states: AuthStates
    events: EventTeller
    tokens: TokenService
    sessions: SessionService
    oauth: OAuthService
    users: UserService
    user_admin: UserAdmin
    preparation: UserPreparation
    deletion: UserDeletion
    roll_call: RollCall
    groups: GroupService
    logins: LoginService
    refresher: Refresher
    service_admin: ServiceAdmin
    managed: ManagedServices
    service_checks: ServiceChecks
    servers: ServerService
    named_servers: NamedServers
    forgetting: Forgetting
    watchers: Watchers
    runner: Runner
    poller: Poller
    stranded: Stranded
    sharing: SharingService
    share_codes: ShareCodeService
    activity: ActivityService
    router: Router
    routes: RouteKeeper
    membership: Membership

    @property
    def background(self) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """What runs as long as the process does, besides what reports to plugins and measures."""
        return (
            self.runner.look_for_work,
            self.runner.keep_leases,
            self.poller.run,
            self.poller.remove_leftovers,
            self.stranded.run,
            self.routes.run,
            self.managed.run,
            self.service_checks.run,
            self.membership.beat,
            self.membership.follow_changes,
            self.membership.keep_house,
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
    pulse, watchers, events = Pulse(), Watchers(), EventTeller(hooks)
    tokens = TokenService(
        store, hooks, tree, longest=settings.token_expires_in_max, limit=settings.token_limit
    )
    router = Router(*basis, given.proxy, pulse)
    runner = Runner(store, settings, watchers)
    service_checks = ServiceChecks(store, settings)
    invalidation = Invalidation(tokens.cache, pulse, runner, service_checks)
    store.changed = invalidation.changed
    clean_up = CleanUp(hooks, settings, given.auth_states)
    parts = (hooks, settings, router, events, clean_up)
    runner.use({OperationKind.START: StartSteps(*parts), OperationKind.STOP: StopSteps(*parts)})
    servers = ServerService(*basis, runner, watchers, events)
    activity = ActivityService(store, settings)
    keeper = IdentityKeeper(settings, tree, frozenset({ONETIME}))
    preparation = UserPreparation(*basis)
    deletion = UserDeletion(*basis, servers, clean_up, pulse)
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
        roll_call=RollCall(
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
        forgetting=Forgetting(*basis, router, watchers),
        watchers=watchers,
        runner=runner,
        poller=Poller(*basis, servers, router, pulse),
        stranded=Stranded(store, settings, watchers),
        sharing=SharingService(store, tree),
        share_codes=ShareCodeService(store, tree),
        activity=activity,
        router=router,
        routes=RouteKeeper(*basis, router, activity, given.metrics.route_check),
        membership=Membership(
            store,
            settings,
            invalidation.changed,
            invalidation.heard,
            invalidation.felt,
            invalidation.missed,
        ),
    )
