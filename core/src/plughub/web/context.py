"""Everything that the handlers need, handed to them in one piece."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plughub.domain.scopes import ScopeTree
from plughub.domain.services import Service
from plughub.kinds import LoginMethod, Page
from plughub.plugin.hooks import Hooks
from plughub.services.hub_services.admin import ServiceAdmin
from plughub.services.observing.audit import AuditTrail
from plughub.services.observing.events import EventTeller
from plughub.services.observing.measuring import MetricsReport
from plughub.services.observing.metrics import Metrics
from plughub.services.people.activity import ActivityService
from plughub.services.people.auth_states import AuthStates
from plughub.services.people.groups import GroupService
from plughub.services.people.login import LoginService
from plughub.services.people.refreshing import Refresher
from plughub.services.people.sessions import SessionService
from plughub.services.people.user_admin import UserAdmin
from plughub.services.people.users import UserService
from plughub.services.routes.routing import Router
from plughub.services.servers.forgetting import Forgetting
from plughub.services.servers.named_servers import NamedServers
from plughub.services.servers.servers import ServerService
from plughub.services.settings import HubSettings
from plughub.services.sharing.codes import ShareCodeService
from plughub.services.sharing.shares import SharingService
from plughub.services.tokens.oauth import OAuthService
from plughub.services.tokens.tokens import TokenService
from plughub.web.options import WebOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContext:
    """What the handlers work with.

    Attributes:
        settings: of the hub.
        hooks: for options forms.
        tree: the scopes of the hub.
        logins: logs in and out.
        refresher: asks authenticators again about people who logged in a while ago.
        auth_states: the saved secrets of users.
        tokens: who makes a request with a token.
        sessions: who makes a request with a login cookie.
        users: finds users.
        user_admin: lists, creates, changes and deletes users.
        groups: finds and changes groups.
        services: finds, makes and deletes services.
        servers: starts and stops.
        named_servers: makes and changes servers that do not run.
        forgetting: calls servers stopped whose plugin or machine never returns.
        sharing: grants and takes back shares of servers.
        share_codes: makes and accepts codes for such shares.
        oauth: the OAuth2 provider.
        activity: notes activity.
        events: tells plugins what happened.
        router: knows the routes of the proxy and mends them.
        shut_down: ends this process; gets whether servers and proxy are stopped, None for as configured.
        listed_services: gives the services that pages list.
        health: answers facts for the health page; raises UnavailableError when something is wrong.
        cookie_secret: signs cookies.
        metrics: what is measured.
        metrics_report: answers the page with metrics; None for no such page.
        authenticate_prometheus: that page needs a scope.
        audit: the audit trail; None when none is kept.
        login_methods: how to log in, by plugin, in order.
        pages: added by plugins.
        template_folders: looked up before the hub's own.
        template_vars: further variables of all templates.
        secure_cookies: the public address is https.
        host_cookies_since: login cookies without the prefix ``__Host-`` from before that time still count, in
            seconds since the epoch; 0 for none.
        slow_spawn_timeout: seconds that a start through the API is waited for.
        slow_stop_timeout: seconds that a stop through the API is waited for.
        trusted_downstream_ips: addresses whose X-Forwarded headers are believed.
        proxy_users: numbers of the system users of whose processes on this machine the same holds.
        headers: further headers of every answer.
        logo_file: picture for the head of the pages; empty for our own.
        options: how the web behaves.
        versions: versions of the plugins by name.
    """

    settings: HubSettings
    hooks: Hooks
    tree: ScopeTree
    logins: LoginService
    refresher: Refresher
    auth_states: AuthStates
    tokens: TokenService
    sessions: SessionService
    users: UserService
    user_admin: UserAdmin
    groups: GroupService
    services: ServiceAdmin
    servers: ServerService
    named_servers: NamedServers
    forgetting: Forgetting
    sharing: SharingService
    share_codes: ShareCodeService
    oauth: OAuthService
    activity: ActivityService
    events: EventTeller
    router: Router
    shut_down: Callable[[bool | None, bool | None], None]
    health: Callable[[], Awaitable[Mapping[str, Any]]]
    listed_services: Callable[[], Sequence[Service]] = tuple
    cookie_secret: bytes = field(repr=False)
    metrics: Metrics = field(default_factory=Metrics)
    metrics_report: MetricsReport | None = None
    authenticate_prometheus: bool = True
    audit: AuditTrail | None = None
    login_methods: Mapping[str, LoginMethod] = field(default_factory=dict)
    pages: tuple[Page, ...] = ()
    template_folders: tuple[Path, ...] = ()
    template_vars: Mapping[str, Any] = field(default_factory=dict)
    secure_cookies: bool = False
    host_cookies_since: float = 0
    slow_spawn_timeout: float = 10
    slow_stop_timeout: float = 10
    trusted_downstream_ips: tuple[str, ...] = ()
    proxy_users: frozenset[int] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)
    logo_file: str = ""
    options: WebOptions = field(default_factory=WebOptions)
    versions: Mapping[str, str] = field(default_factory=dict)
