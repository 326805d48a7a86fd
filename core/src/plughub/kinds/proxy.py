"""What goes into the hooks of a proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from plughub.domain.urls import host_in_url
from plughub.kinds.tls import TLSFiles

SERVERS_PORT_HEADER: Final = "X-Plughub-Servers-Port"
"""Tells the hub that a request arrived at `ProxySettings.servers_port`, where no login counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyInfo:
    """What a proxy says of itself.

    Attributes:
        host_bound: hubs on different machines do not reach the same one: each machine has a proxy of its
            own, with all routes, and hubs of that machine see to it.
        internal_tls: it can lead to targets at ``https://`` and show them its certificate.
        host_routing: it can take routes that begin with a host, ``host/path/``; what no route of its host
            takes goes where the route ``/`` leads.
        servers_port: it can listen on `ProxySettings.servers_port` as well.
        drops_worker_scope: it takes the header ``Service-Worker-Allowed`` out of all answers, and answers 403
            to a request with the header ``Service-Worker`` for a path whose folder is not below its route, so
            that no server can put a service worker before the pages of the hub or of other servers. Without
            it a hub for several people starts with separate origins only, or with
            ``JupyterHub.allow_worker_scopes``.
        user: system user whose processes speak to hubs of the same machine; empty for the user of the hub.
            What processes of other users tell of a browser in X-Forwarded headers counts for nothing.
    """

    host_bound: bool = False
    internal_tls: bool = False
    host_routing: bool = False
    servers_port: bool = False
    drops_worker_scope: bool = False
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """Where the proxy listens and what it needs to know of the hub.

    Attributes:
        ip: address to listen on; empty for all.
        port: port to listen on.
        hub_url: address of the hub's own listener, such as ``http://127.0.0.1:8081``.
        base_url: path of the whole application, such as ``/`` or ``/jupyter/``.
        error_url: address of the hub's error pages, ``<error_url>/<status>``.
        ssl_cert: path of the certificate; empty for plain HTTP.
        ssl_key: path of its key.
        trusted_downstream_ips: addresses whose X-Forwarded headers are believed.
        host_routing: routes have a host, ``host/path/``, but for ``/``, which takes what no other takes.
        servers_port: a second port to listen on, for servers and services: all routes hold there, and on
            `port` the route ``/`` alone. 0 for none. The proxy adds the header `SERVERS_PORT_HEADER` to
            requests that arrive there: ``Host`` need not name the port where another web server stands
            before the proxy.
        client_tls: what the proxy shows to hub, servers and services, and whom of them it trusts; None when
            they speak plain HTTP.
        api_tls: what it shows to hubs that change its routes, and whom it trusts; None for plain HTTP.
        hub_tls: what a hub shows to it.
        state: what `hub_proxy_start` returned last; empty at first.
    """

    ip: str
    port: int
    hub_url: str
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
    def public_url(self) -> str:
        """The address for a browser on this machine."""
        scheme = "https" if self.ssl_cert else "http"
        host = self.ip if self.ip not in {"", "0.0.0.0", "::"} else "127.0.0.1"  # noqa: S104 - a comparison
        return f"{scheme}://{host_in_url(host)}:{self.port}{self.base_url}"
