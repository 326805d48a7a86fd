"""What the services have to know of the configuration: plain values, checked at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from plughub.domain.urls import hub_url
from plughub.kinds import SpawnerInfo


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
        spawners: what the active spawners say of themselves, by plugin; the default one first.
        proxy: the plugin of the proxy.
        one_person: plugins whose equal names mean one person.
        allow_named_servers: users may have more than the default server.
        named_server_limit: how many of them; 0 for any number.
        concurrent_spawn_limit: starts that go on at once, the others queue; 0 for any number.
        active_server_limit: servers that may be active at all; 0 for any number.
        cookie_max_age: how long a login lasts.
        oauth_token_expires_in: how long a token for a server in the browser lasts.
        oauth_require_pkce: refuse OAuth clients that do not use PKCE.
        token_expires_in_max: longest life of a token that a user asks for; 0 for any.
        auth_refresh_age: after how long an active user is checked again; 0 for never.
        lease: for how long an operation is held without a sign of life.
        stranded_after: for how long work waits for a hub that has its plugin, before its user is told.
        activity_resolution: activity that is not that much newer is not written.
        last_activity_interval: how often the proxy is asked for activity.
        cleanup_servers: stop servers when the hub ends.
        cleanup_proxy: stop the proxy when the hub ends.
    """

    mark: str
    hub_id: str
    host: str
    base_url: str = "/"
    hub_url: str = "http://127.0.0.1:8081"
    api_url: str = "http://127.0.0.1:8081/hub/api"
    public_url: str = ""
    spawners: Mapping[str, SpawnerInfo] = field(default_factory=dict)
    proxy: str = ""
    one_person: tuple[frozenset[str], ...] = ()
    allow_named_servers: bool = False
    named_server_limit: int = 0
    concurrent_spawn_limit: int = 100
    active_server_limit: int = 0
    cookie_max_age: float = 14 * 86400
    oauth_token_expires_in: int = 14 * 86400
    oauth_require_pkce: bool = False
    token_expires_in_max: int = 0
    auth_refresh_age: float = 300
    lease: float = 10
    stranded_after: float = 30
    activity_resolution: float = 30
    last_activity_interval: float = 300
    cleanup_servers: bool = True
    cleanup_proxy: bool = True

    @property
    def hub_prefix(self) -> str:
        """Path below which the hub's own pages are."""
        return hub_url(self.base_url)

    @property
    def default_spawner(self) -> str:
        """The spawner that is used when nobody chooses."""
        return next(iter(self.spawners))
