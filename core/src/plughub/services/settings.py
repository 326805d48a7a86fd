"""What the services have to know of the configuration: plain values, checked at the edge."""

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
"""The plugin of one-time login links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPolicy:
    """What holds for the people of one authenticator.

    Attributes:
        enable_auth_state: the secrets that it gives are saved.
        manage_roles: it gives roles.
        reset_managed_roles: roles that it does not name at the start are taken away.
        refresh_age: seconds after which an active person is checked again; 0 for never.
        refresh_strict: who fails that check is refused in requests with a token, too.
        refresh_pre_spawn: check before each start.
        refresh_pre_stop: check before a person stops a server of hers.
        listed: names of its people that allowed_users and admin_users list.
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
        mark: the same for all processes of this hub and over restarts.
        hub_id: this process.
        host: this machine.
        base_url: path of the whole application.
        hub_url: where the proxy reaches this process, without a path.
        api_url: where servers reach the API.
        public_url: address as browsers see it; empty when not configured.
        origins: which origins hub, servers and services have in a browser.
        tls: what the hub shows to servers and services, and whom it trusts; None when they speak plain HTTP.
        service_tls: makes the certificate of a service that the hub starts, it blocks; None likewise.
        spawners: what the active spawners say of themselves, by plugin; the default one first.
        proxy: the plugin of the proxy.
        proxy_host: this machine when each machine has a proxy of its own; empty when all share one.
        one_person: plugins whose equal names mean one person.
        allow_named_servers: users may have more than the default server.
        named_server_limit: how many of them; 0 for any number.
        concurrent_spawn_limit: starts that go on at once, the others queue; 0 for any number.
        active_server_limit: servers that may be active at all; 0 for any number.
        cookie_max_age: how long a login lasts.
        oauth_token_expires_in: how long a token for a server in the browser lasts.
        oauth_require_pkce: refuse OAuth clients that do not use PKCE.
        token_expires_in_max: longest life of a token that a user asks for; 0 for any.
        token_limit: API tokens of a user at a time; 0 for any number.
        policies: what holds for the people of each authenticator, in the order in which they are asked;
            that of all others under the empty name.
        lease: for how long an operation is held without a sign of life.
        stranded_after: for how long work waits for a hub that has its plugin, before its user is told.
        activity_resolution: activity that is not that much newer is not written.
        last_activity_interval: how often the proxy is asked for activity.
        service_check_interval: how often services are asked whether they answer.
        cleanup_servers: stop servers when the hub ends.
        cleanup_proxy: stop the proxy when the hub ends.
        start_old_names: servers whose names break the rule, as older hubs made them, can be started.
        cookie_host_prefix: the login cookies of hub and servers are for one host alone; None for where
            servers have other hosts than the hub and browsers reach it by https.
        cookie_options: further attributes of the cookies of hub and servers.
        cookie_suffix: ends the names of the hub's own login and XSRF cookies.
        confirm_within: seconds that a login may be old for what outlasts a page or reaches others, 0 for any
            age; None for ten minutes where servers share the hub's origin.
        audit_days: for how long the audit trail is kept; 0 for no audit trail.
        plugin_threads: threads of each plugin; so many logins are checked at once.
        login_limits: how many wrong passwords are free, and how long pauses grow.
        refused_logins_per_hour: that are reported, logged and kept in the audit trail one by one.
    """

    mark: str
    hub_id: str
    host: str
    base_url: str = "/"
    hub_url: str = "http://127.0.0.1:8081"
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
    plugin_threads: int = 8
    login_limits: LoginLimits = field(default_factory=LoginLimits)
    refused_logins_per_hour: int = 1000

    @property
    def hub_prefix(self) -> str:
        """Path below which the hub's own pages are."""
        return hub_url(self.base_url)

    @property
    def shares_origin(self) -> bool:
        """Whether servers and services have the hub's own origin, so that their pages can act on the hub."""
        return self.origins.shared

    @property
    def confirm_seconds(self) -> float:
        """How old a login may be for what outlasts a page or reaches others; 0 for any age."""
        if self.confirm_within is not None:
            return self.confirm_within
        passwordless = set(self.authenticators) <= {ONETIME}
        return CONFIRM_SECONDS if self.shares_origin and not passwordless else 0.0

    @property
    def host_prefix(self) -> bool:
        """Whether the login cookie has the prefix ``__Host-``, with which it goes to all paths."""
        if self.cookie_host_prefix is not None:
            return self.cookie_host_prefix
        return self.origins.is_secure and self.origins.by_host

    @property
    def hub_origin(self) -> str:
        """Scheme, host and port of the hub in a browser; empty when they are not known."""
        return self.origins.hub or self.public_url.rstrip("/").removesuffix(self.base_url.rstrip("/"))

    @property
    def default_spawner(self) -> str:
        """The spawner that is used when nobody chooses."""
        return next(iter(self.spawners))

    @property
    def authenticators(self) -> tuple[str, ...]:
        """The plugins by which people log in."""
        return tuple(name for name in self.policies if name)

    def policy_of(self, plugin: str) -> LoginPolicy:
        """Find what holds for the people of an authenticator.

        Args:
            plugin: its name.

        Returns:
            The policy.
        """
        return self.policies.get(plugin) or self.policies.get("") or LoginPolicy()
