"""Settings of network addresses: where proxy and hub listen, and who may forward requests to them."""

from __future__ import annotations

import traitlets

from plughub.classes.traits import URLPrefix


class AddressSettings(traitlets.HasTraits):
    """Settings that `JupyterHub` inherits."""

    ip = traitlets.Unicode(
        "127.0.0.1", help="Address on which the proxy listens for browsers; empty for all interfaces."
    ).tag(config=True)
    port = traitlets.Integer(
        8000, min=1, max=65535, help="Port on which the proxy listens for browsers."
    ).tag(config=True)
    bind_url = traitlets.Unicode(
        "", help="URL on which the proxy listens for browsers; sets ip, port and base_url."
    ).tag(config=True)
    public_url = traitlets.Unicode(
        "",
        help="""URL of the hub as browsers see it. Set it when a reverse proxy or port mapping in front of
        the hub changes scheme, host or port.
        """,
    ).tag(config=True)
    base_url = URLPrefix(
        "/",
        help="""Path prefix of the whole application, such as ``/jupyter/``.

        Escaped and unescaped forms are equivalent: ``/my hub/`` and ``/my%20hub/``.
        """,
    ).tag(config=True)
    hub_ip = traitlets.Unicode(
        "127.0.0.1", help="Address on which the hub listens for the proxy, servers and services."
    ).tag(config=True)
    hub_port = traitlets.Integer(
        8081, min=1, max=65535, help="Port on which the hub listens for the proxy, servers and services."
    ).tag(config=True)
    hub_bind_url = traitlets.Unicode(
        "",
        help="""URL on which the hub listens for the proxy, servers and services; sets hub_ip and hub_port.

        ``http+unix://`` and an escaped path, such as ``http+unix://%2Frun%2Fhub%2Fhub.sock``, stands for a
        Unix socket. The proxy connects to the socket. So do servers and services, unless hub_connect_url is
        set; spawners whose servers do not run on this machine require it.
        """,
    ).tag(config=True)
    hub_socket_mode = traitlets.Integer(
        0o600,
        help="""Permissions of the hub's Unix socket, if hub_bind_url is one: an octal number such as
        ``0o660``. A process needs the permission to write. Where the proxy runs as another system user, the
        socket belongs to that user.
        """,
    ).tag(config=True)
    hub_connect_ip = traitlets.Unicode(
        "",
        help="""Host name or address at which the proxy, servers and services connect to the hub. Set it
        when that differs from hub_ip, for example when servers run in containers.
        """,
    ).tag(config=True)
    hub_connect_port = traitlets.Integer(
        0,
        min=0,
        max=65535,
        help="""Deprecated: set hub_connect_url. Port at which the proxy, servers and services connect to
        the hub; 0 for hub_port.
        """,
    ).tag(config=True)
    hub_connect_url = traitlets.Unicode(
        "",
        help="""URL at which the proxy, servers and services connect to the hub. Set it when that differs
        from hub_bind_url. If hub_bind_url is a Unix socket, a proxy on this machine connects to the socket
        nevertheless, so that this can be the URL of the proxy.
        """,
    ).tag(config=True)
    hub_routespec = traitlets.Unicode(
        "",
        help="""Prefix of the requests that the proxy sends to the hub, with base_url, such as ``/hub/``; with
        subdomain_host or a servers_url of another host, the hub's host and a path, such as
        ``hub.example.org/hub/``. Empty: everything below base_url, or of all hosts. With a longer prefix,
        other requests, also those to servers that do not run, go to a route of Proxy.extra_routes; without
        one they get the hub's error page.
        """,
    ).tag(config=True)
    trusted_downstream_ips: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(),
        help="""Addresses or networks of reverse proxies in front of the hub's proxy. Their X-Forwarded and
        X-Scheme headers are trusted. An address of this machine, such as 127.0.0.1, trusts all its system
        users; see trusted_downstream_users for a narrower choice.
        """,
    ).tag(config=True)
    forwarded_host_header = traitlets.Unicode(
        "",
        help="""Name of a header, such as X-Forwarded-Host, that names the host in the browser's address bar.
        Trusted only from trusted_downstream_ips, which must set or remove it. Needed if a reverse proxy
        changes the Host header; otherwise requests of pages look like requests from another site.
        """,
    ).tag(config=True)
    trusted_downstream_users: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(),
        help="""System users whose processes on this machine act as reverse proxies that connect directly to
        the hub's port. Their X-Forwarded headers are trusted. The system user of the hub's own proxy is
        always trusted.
        """,
    ).tag(config=True)
