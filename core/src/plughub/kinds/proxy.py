"""Records that the hooks of a proxy take and return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from plughub.domain.urls import host_in_url
from plughub.kinds.tls import TLSFiles

SERVERS_PORT_HEADER: Final = "X-Plughub-Servers-Port"
"""Header of requests that arrived at `ProxySettings.servers_port`, where the hub accepts no login."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyInfo:
    """Features of a proxy.

    Attributes:
        host_bound: whether each machine has a proxy of its own with all routes, which the hub processes of
            that machine maintain. If False, hub processes on all machines use the same proxy.
        internal_tls: whether it supports targets at ``https://`` and presents its certificate to them.
        host_routing: whether it supports routes that begin with a host, ``host/path/``. Requests that match
            no route of their host go to the target of the route ``/``.
        servers_port: whether it can listen on `ProxySettings.servers_port` as well.
        unix_sockets: whether it supports a hub at a Unix socket, with the target ``http+unix://`` and the
            escaped path of the socket.
        drops_worker_scope: whether it removes the header ``Service-Worker-Allowed`` from all responses, and
            answers 403 to a request with the header ``Service-Worker`` for a path whose folder is not below
            its route. This prevents a server from registering a service worker for pages of the hub or of
            other servers. Without it, a hub for several users starts only with separate origins or with
            ``JupyterHub.allow_worker_scopes``.
        user: system user of the proxy's processes; empty for the user of the hub. The hub ignores
            X-Forwarded headers in local requests from processes of other users.
    """

    host_bound: bool = False
    internal_tls: bool = False
    host_routing: bool = False
    servers_port: bool = False
    unix_sockets: bool = False
    drops_worker_scope: bool = False
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """Addresses, certificates and saved state for the start of a proxy.

    Attributes:
        ip: address to listen on; empty for all.
        port: port to listen on.
        hub_url: address of the hub's own listener, such as ``http://127.0.0.1:8081``; of a Unix socket only
            for a proxy with `ProxyInfo.unix_sockets`.
        hub_routespec: prefix of the hub's route; empty for the usual one, see `hub_prefix`.
        base_url: path of the whole application, such as ``/`` or ``/jupyter/``.
        error_url: address of the hub's error pages, ``<error_url>/<status>``.
        ssl_cert: path of the certificate; empty for plain HTTP.
        ssl_key: path of its key.
        trusted_downstream_ips: addresses whose X-Forwarded headers are trusted.
        host_routing: whether routes begin with a host, ``host/path/``, except for the default route ``/``.
        servers_port: a second port to listen on, for servers and services; 0 for none. All routes apply to
            it, and only the route ``/`` applies to `port`. The proxy adds the header `SERVERS_PORT_HEADER` to
            requests that arrive there, because ``Host`` need not contain the port if another web server is
            in front of the proxy.
        client_tls: certificates for connections of the proxy to hub, servers and services; None for plain
            HTTP.
        api_tls: certificates for the proxy's API, which hub processes call; None for plain HTTP.
        hub_tls: certificates of a hub process for calls of the proxy's API.
        state: what `hub_proxy_start` returned last; empty at first.
    """

    ip: str
    port: int
    hub_url: str
    hub_routespec: str = ""
    base_url: str = "/"
    error_url: str = ""
    ssl_cert: str = ""
    ssl_key: str = ""
    trusted_downstream_ips: tuple[str, ...] = ()
    host_routing: bool = False
    servers_port: int = 0
    client_tls: TLSFiles | None = None
    api_tls: TLSFiles | None = None
    hub_tls: TLSFiles | None = None
    state: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def hub_prefix(self) -> str:
        """Prefix of the hub's route: `hub_routespec`, or by default all hosts, or all paths of `base_url`."""
        return self.hub_routespec or ("/" if self.host_routing else self.base_url)

    @property
    def public_url(self) -> str:
        """Address for a browser on this machine."""
        scheme = "https" if self.ssl_cert else "http"
        host = self.ip if self.ip not in {"", "0.0.0.0", "::"} else "127.0.0.1"  # noqa: S104 - a comparison
        return f"{scheme}://{host_in_url(host)}:{self.port}{self.base_url}"
