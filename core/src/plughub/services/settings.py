"""Settings that the services need: plain values, validated before they get here."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from plughub.domain.limits import MAX_TOKENS
from plughub.domain.login_throttle import LoginLimits
from plughub.domain.origins import Origins
from plughub.domain.services import ServiceDeclaration
from plughub.domain.timings import CONFIRM_SECONDS
from plughub.domain.urls import hub_url
from plughub.kinds import SpawnerInfo, TLSFiles

ONETIME: Final = "onetime"
"""Name of the built-in plugin for one-time login links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPolicy:
    """Settings for the users of one authenticator.

    Attributes:
        enable_auth_state: store the auth state that the authenticator returns.
        manage_roles: the authenticator assigns roles.
        reset_managed_roles: at startup, take away roles that the authenticator does not name.
        refresh_age: seconds after which an active user is checked again; 0 for never.
        refresh_strict: also refuse requests with a token when that check fails.
        refresh_pre_spawn: check before each start.
        refresh_pre_stop: check before users stop a server of their own.
        listed: names in allowed_users and admin_users.
    """

    enable_auth_state: bool = False
    manage_roles: bool = False
    reset_managed_roles: bool = False
    refresh_age: float = 300
    refresh_strict: bool = False
    refresh_pre_spawn: bool = False
    refresh_pre_stop: bool = False
    listed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """Settings of a running hub. Times are in seconds.

    Attributes:
        mark: identifies this hub: the same for all its processes and across restarts.
        hub_id: identifies this process.
        host: name of this machine.
        base_url: path of the whole application.
        hub_url: where the proxy reaches this process, without a path.
        hub_routespec: prefix of the hub's route in the proxy; empty for everything.
        api_url: where servers reach the API.
        public_url: address as browsers see it; empty when not configured.
        origins: origins of the hub, servers and services in a browser.
        tls: client context for connections to servers and services; None when they speak plain HTTP.
        service_tls: creates the certificate of a managed service (blocking); None when they speak plain HTTP.
        spawners: what the active spawners report about themselves, by plugin; the default one first.
        proxy: plugin of the proxy.
        proxy_host: this machine when each machine has its own proxy; empty when all share one.
        one_person: sets of plugins whose equal names denote one user.
        allow_named_servers: users may have more than the default server.
        named_server_limit: named servers per user; 0 for no limit.
        concurrent_spawn_limit: starts that run at the same time, others are queued; 0 for no limit.
        active_server_limit: active servers in the whole hub; 0 for no limit.
        cookie_max_age: lifetime of a login.
        oauth_token_expires_in: lifetime of a token for a server in the browser.
        oauth_require_pkce: refuse OAuth clients that do not use PKCE.
        token_expires_in_max: longest lifetime of a requested token; 0 for no limit.
        token_limit: API tokens per user; 0 for no limit.
        policies: settings for the users of each authenticator, in the order in which they are asked;
            those of all others under the empty name.
        lease: how long a lease or a heartbeat is valid without renewal.
        stranded_after: how long an operation waits for a hub process that can execute it.
        activity_resolution: smallest step between two stored times of activity.
        last_activity_interval: interval between requests for activity to the proxy.
        service_check_interval: interval between health checks of services.
        cleanup_servers: stop servers when the hub shuts down.
        cleanup_proxy: stop the proxy when the hub shuts down.
        start_old_names: servers with names that are no longer valid can still be started.
        cookie_host_prefix: login cookies of the hub and servers are bound to one host; None for automatic:
            where servers have other hosts than the hub and browsers use https.
        cookie_options: further attributes of the cookies of the hub and servers.
        cookie_suffix: suffix of the names of the hub's own login and XSRF cookies.
        confirm_within: maximum age of a login for actions that need confirmation, 0 for any age; None for
            ten minutes where servers share the hub's origin.
        audit_days: days for which the audit trail is kept; 0 for no audit trail.
        usage_days: days for which runs of servers are kept after their end; 0 for no usage accounting.
        server_usage_metrics: metrics of the usage of servers: ``backend``, ``server`` or ``none``.
        plugin_threads: threads per plugin, and so the number of logins that are checked at the same time.
        login_limits: free failed logins, and the growth of the delay after them.
        refused_logins_per_hour: refused logins that are reported, logged and audited one by one.
    """

    mark: str
    hub_id: str
    host: str
    base_url: str = "/"
    hub_url: str = "http://127.0.0.1:8081"
    hub_routespec: str = ""
    api_url: str = "http://127.0.0.1:8081/hub/api"
    public_url: str = ""
    origins: Origins = field(default_factory=Origins)
    tls: ssl.SSLContext | None = None
    service_tls: Callable[[ServiceDeclaration], TLSFiles] | None = None
    spawners: Mapping[str, SpawnerInfo] = field(default_factory=dict)
    proxy: str = ""
    proxy_host: str = ""
    one_person: tuple[frozenset[str], ...] = ()
    allow_named_servers: bool = False
    named_server_limit: int = 0
    concurrent_spawn_limit: int = 100
    active_server_limit: int = 0
    cookie_max_age: float = 14 * 86400
    oauth_token_expires_in: int = 14 * 86400
    oauth_require_pkce: bool = False
    token_expires_in_max: int = 0
    token_limit: int = MAX_TOKENS
    policies: Mapping[str, LoginPolicy] = field(default_factory=dict)
    lease: float = 10
    stranded_after: float = 30
    activity_resolution: float = 30
    last_activity_interval: float = 300
    service_check_interval: float = 60
    cleanup_servers: bool = True
    cleanup_proxy: bool = True
    start_old_names: bool = True
    cookie_host_prefix: bool | None = None
    cookie_options: Mapping[str, Any] = field(default_factory=dict)
    cookie_suffix: str = ""
    confirm_within: float | None = None
    audit_days: float = 90
    usage_days: float = 400
    server_usage_metrics: str = "backend"
    plugin_threads: int = 8
    login_limits: LoginLimits = field(default_factory=LoginLimits)
    refused_logins_per_hour: int = 1000

    @property
    def hub_prefix(self) -> str:
        """Path below which the hub's own pages are served."""
        return hub_url(self.base_url)

    @property
    def shares_origin(self) -> bool:
        """True when servers and services share the hub's origin, so that their pages can act on the hub."""
        return self.origins.shared

    @property
    def confirm_seconds(self) -> float:
        """Maximum age of a login for actions that need confirmation; 0 for any age."""
        if self.confirm_within is not None:
            return self.confirm_within
        passwordless = set(self.authenticators) <= {ONETIME}
        return CONFIRM_SECONDS if self.shares_origin and not passwordless else 0.0

    @property
    def host_prefix(self) -> bool:
        """True when the login cookie has the prefix ``__Host-``, with which it applies to all paths."""
        if self.cookie_host_prefix is not None:
            return self.cookie_host_prefix
        return self.origins.is_secure and self.origins.by_host

    @property
    def hub_origin(self) -> str:
        """Scheme, host and port of the hub in a browser; empty when unknown."""
        return self.origins.hub or self.public_url.rstrip("/").removesuffix(self.base_url.rstrip("/"))

    @property
    def default_spawner(self) -> str:
        """Spawner that is used when a request names none."""
        return next(iter(self.spawners))

    @property
    def authenticators(self) -> tuple[str, ...]:
        """Plugins that users log in with."""
        return tuple(name for name in self.policies if name)

    def policy_of(self, plugin: str) -> LoginPolicy:
        """Return the settings for the users of an authenticator."""
        return self.policies.get(plugin) or self.policies.get("") or LoginPolicy()
