"""Settings of web origins: the hosts at which browsers reach servers and services."""

from __future__ import annotations

import traitlets


class OriginSettings(traitlets.HasTraits):
    """Settings that `JupyterHub` inherits."""

    subdomain_host = traitlets.Unicode(
        "",
        help="""URL of the hub, such as https://hub.example.org. Each user and each service gets a
        subdomain, such as https://alice.hub.example.org, so that no page of a server can act on the hub or
        on other users' servers. Requires a DNS entry and a certificate for ``*.hub.example.org``.
        """,
    ).tag(config=True)
    subdomain_hook = traitlets.Union(
        [traitlets.Enum(("idna", "legacy")), traitlets.Callable()],
        default_value="idna",
        help="""How subdomains are named: ``idna``, ``legacy`` (one subdomain for all services), or a
        function that is called with the name, the host of the hub, and ``user`` or ``service``, and returns
        the host.
        """,
    ).tag(config=True)
    servers_url = traitlets.Unicode(
        "",
        help="""URL of all servers and services, such as https://servers.example.org or, on the hub's host
        with another port, https://hub.example.org:8443. Pages of a server then cannot act on the hub; they
        can still act on other users' servers. Requires public_url.
        """,
    ).tag(config=True)
    servers_port = traitlets.Integer(
        0,
        min=0,
        max=65535,
        help="""Port on which the proxy listens for servers and services when servers_url has the same host
        as the hub; 0 for the port in servers_url.
        """,
    ).tag(config=True)
    allow_worker_scopes = traitlets.Bool(
        False,
        help="""Start even if servers share the hub's address and the proxy forwards the
        Service-Worker-Allowed header. With this header, a server can install a service worker that
        intercepts the hub's login page. Enable this only when something in front of the proxy removes the
        header, or when all users trust each other.
        """,
    ).tag(config=True)
