"""Settings of the hub, ``c.JupyterHub.…`` in a config file."""

from __future__ import annotations

import traitlets
from traitlets.config import SingletonConfigurable

from plughub.app.cookie_secret import secret_of_environment, secret_of_text
from plughub.classes.traits import CookieSuffix, URLPrefix
from plughub.domain.limits import MAX_TOKENS


class JupyterHub(SingletonConfigurable):
    """Settings of the hub. Config files use the class by this name."""

    plugins = traitlets.List(
        traitlets.Unicode(),
        help="""Active plugins, in the order in which their hooks are called.

        Same as ``--plugins`` on the command line. If no spawner, authenticator or proxy is listed, the
        default plugin of that kind is added.
        """,
    ).tag(config=True)
    plugin_settings = traitlets.Dict(
        help="Settings of plugins that are written as functions: a dictionary for each plugin name."
    ).tag(config=True)
    plugin_threads = traitlets.Integer(
        8,
        min=1,
        help="""Threads in each plugin's pool for hooks that are plain functions. This also limits
        concurrent password checks: at most this many in total, two for one username, and half of the free
        threads for one client address.
        """,
    ).tag(config=True)
    spawner_class = traitlets.Any(
        "",
        help="""Default spawner: a plugin name, a class, or the dotted name of a class.

        A class replaces the active plugins whose class it inherits from.
        """,
    ).tag(config=True)
    authenticator_class = traitlets.Any(
        "",
        help="""First authenticator: a plugin name, a class, or the dotted name of a class.

        A class replaces the active plugins whose class it inherits from.
        """,
    ).tag(config=True)
    proxy_class = traitlets.Any(
        "",
        help="""Proxy: a plugin name, a class, or the dotted name of a class.

        A class replaces the active plugins whose class it inherits from.
        """,
    ).tag(config=True)
    one_person = traitlets.List(
        traitlets.Set(traitlets.Unicode()),
        help="""Sets of authenticators that share usernames, such as ``[{"pam", "ldap"}]``: the same name
        from any of them is the same user.

        Between all other authenticators, a username that was first used with one is refused for the others.
        """,
    ).tag(config=True)

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
    allow_worker_scopes = traitlets.Bool(
        False,
        help="""Start even if servers share the hub's address and the proxy forwards the
        Service-Worker-Allowed header. With this header, a server can install a service worker that
        intercepts the hub's login page. Enable this only when something in front of the proxy removes the
        header, or when all users trust each other.
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
        help="URL on which the hub listens for the proxy, servers and services; sets hub_ip and hub_port.",
    ).tag(config=True)
    hub_connect_ip = traitlets.Unicode(
        "",
        help="""Host name or address at which the proxy, servers and services connect to the hub. Set it
        when that differs from hub_ip, for example when servers run in containers.
        """,
    ).tag(config=True)
    hub_connect_url = traitlets.Unicode(
        "",
        help="""URL at which the proxy, servers and services connect to the hub. Set it when that differs
        from hub_bind_url.
        """,
    ).tag(config=True)
    ssl_key = traitlets.Unicode("", help="Path of the private key for HTTPS.").tag(config=True)
    ssl_cert = traitlets.Unicode("", help="Path of the certificate for HTTPS.").tag(config=True)
    internal_ssl = traitlets.Bool(
        False,
        help="""Encrypt all connections between hub, proxy, services and servers with mutual TLS. The hub
        creates the certificate authorities and signs a certificate for each component; internal connections
        over plain HTTP are refused.
        """,
    ).tag(config=True)
    internal_certs_location = traitlets.Unicode(
        "internal-ssl", help="Directory for the authorities, certificates and keys of internal_ssl."
    ).tag(config=True)
    recreate_internal_certs = traitlets.Bool(
        False,
        help="""Create new authorities for internal_ssl at startup. Running servers lose their trust, so
        stop all servers first.
        """,
    ).tag(config=True)
    trusted_alt_names: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(),
        help="""Additional subject alternative names for the certificates of hub and proxy with
        internal_ssl, such as DNS:hub.lan.
        """,
    ).tag(config=True)
    external_ssl_authorities = traitlets.Dict(
        help="""Existing authorities to use with internal_ssl, by name, such as proxy-client-ca. Each is a
        dictionary of file paths: cert, optionally key (without it the hub cannot sign with this authority)
        and ca.
        """
    ).tag(config=True)
    trusted_downstream_ips: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(),
        help="""Addresses or networks of reverse proxies in front of the hub's proxy. Their X-Forwarded and
        X-Scheme headers are trusted. An address of this machine, such as 127.0.0.1, trusts all its system
        users; see trusted_downstream_users for a narrower choice.
        """,
    ).tag(config=True)
    trusted_downstream_users: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(),
        help="""System users whose processes on this machine act as reverse proxies that connect directly to
        the hub's port. Their X-Forwarded headers are trusted. The system user of the hub's own proxy is
        always trusted.
        """,
    ).tag(config=True)
    spawn_form_limit = traitlets.Integer(
        10 * 1024 * 1024,
        min=1024,
        help="""Maximum size of a spawn form submission in bytes, uploaded files included. Applies when the
        spawner has a form; other requests are limited to 1 MiB, those without authentication to 32 KiB.
        """,
    ).tag(config=True)

    db_url = traitlets.Unicode(
        "sqlite:///jupyterhub.sqlite", help="Database URL: sqlite:///file or postgresql://…"
    ).tag(config=True)
    db_kwargs = traitlets.Dict(help="Additional keyword arguments for sqlalchemy.create_engine.").tag(
        config=True
    )
    upgrade_db = traitlets.Bool(False, help="Upgrade the database schema at startup.").tag(config=True)
    host_name = traitlets.Unicode(
        "",
        help="""Name of this machine among those whose hubs share the database; empty for the system's host
        name. Servers and other resources that are tied to a machine are managed only by hubs with its name.
        Must be unique for each machine and each container that runs a hub: a hub on another machine with a
        name in use refuses to start.
        """,
    ).tag(config=True)
    runtime_dir = traitlets.Unicode(
        ".plughub", help="Directory for sockets, logs and generated files; created with mode 0700."
    ).tag(config=True)
    pid_file = traitlets.Unicode("", help="File to which the hub writes its process ID.").tag(config=True)

    cookie_secret = traitlets.Union(
        [traitlets.Bytes(), traitlets.Unicode()],
        default_value=b"",
        help="""Secret that signs cookies: bytes, or a string of hexadecimal digits. Prefer
        cookie_secret_file, which keeps the secret out of the configuration.
        """,
    ).tag(config=True)
    cookie_secret_file = traitlets.Unicode(
        "jupyterhub_cookie_secret", help="File with the secret that signs cookies; created if missing."
    ).tag(config=True)
    cookie_max_age_days = traitlets.Float(14, help="Lifetime of a login in days.").tag(config=True)
    cookie_host_prefix_enabled = traitlets.Bool(
        None,
        allow_none=True,
        help="""Add the prefix ``__Host-`` to the names of login cookies, so that browsers accept them only
        over HTTPS and send them only to the host that set them. Such cookies apply to all paths, so use
        this together with subdomain_host. None enables the prefix for the hub's cookie if servers have
        hosts of their own and the hub uses HTTPS.
        """,
    ).tag(config=True)
    cookie_suffix = CookieSuffix(
        "",
        help="""Suffix for the names of the hub's login and XSRF cookies, such as ``-staging``. Set it when
        two hubs use the same host with different ports, so that a login at one does not end the login at
        the other. Cookies of servers keep their names; users who open servers of both hubs also need
        different values of base_url.
        """,
    ).tag(config=True)
    hsts_max_age = traitlets.Integer(
        86400,
        min=0,
        help="""Lifetime in seconds of the Strict-Transport-Security header, which makes browsers use HTTPS
        for all ports of the hub's host; 0 disables the header. Sent only if public_url, ssl_cert or a
        trusted reverse proxy shows that browsers use HTTPS.
        """,
    ).tag(config=True)
    confirm_within = traitlets.Float(
        None,
        allow_none=True,
        min=0,
        help="""Maximum age of a login in seconds for page requests that create a token or a share, or
        change what belongs to others. After that, users have to confirm with their password. 0 for any age.
        None for 600 if servers share the hub's origin and users have a password, otherwise 0. Requests with
        tokens need no confirmation.
        """,
    ).tag(config=True)
    oauth_token_expires_in = traitlets.Integer(
        0,
        help="""Lifetime in seconds of the token that a server gets for a browser session; 0 for the
        lifetime of the login.
        """,
    ).tag(config=True)
    oauth_require_pkce = traitlets.Bool(False, help="Refuse OAuth clients that do not use PKCE.").tag(
        config=True
    )
    token_expires_in_max_seconds = traitlets.Integer(
        0, help="Maximum lifetime in seconds of tokens that users request; 0 for no limit."
    ).tag(config=True)
    custom_scopes = traitlets.Dict(
        help="Custom scopes for services: a dictionary with description and subscopes for each scope name."
    ).tag(config=True)

    load_roles: traitlets.List[object] = traitlets.List(
        help="""Roles to create or update at startup: dictionaries with name, description, scopes, users,
        groups and services.

        Holders that are not listed lose the role, and roles that are no longer listed are
        deleted. Of the built-in roles, user, server and token can be redefined; admin can only be assigned.
        """
    ).tag(config=True)
    load_groups = traitlets.Dict(
        help="""Groups to create or update at startup, by name: lists of users, or dictionaries with users
        and properties. Other members stay in the group.
        """
    ).tag(config=True)
    services: traitlets.List[object] = traitlets.List(
        help="""Programs that use the API under their own name: dictionaries with name, api_token, url,
        info, display, timeout, oauth_client_id, oauth_redirect_uri, oauth_no_confirm and
        oauth_client_allowed_scopes.

        The hub starts a service that has a command; cwd, environment and user are optional then. A service
        with a url is available below /services/NAME/. Permissions of services are set in load_roles.
        """
    ).tag(config=True)
    service_tokens: traitlets.Dict[str, str] = traitlets.Dict(
        help="Additional API tokens of services: a dictionary of service names by token."
    ).tag(config=True)
    service_check_interval = traitlets.Float(
        60, min=1, help="Seconds between two health checks of each service that has a url."
    ).tag(config=True)
    extra_user_scopes = traitlets.Set(
        traitlets.Unicode(), help="Scopes that every user has in addition to those of the role user."
    ).tag(config=True)

    allow_named_servers = traitlets.Bool(False, help="Let users have more than one server.").tag(config=True)
    named_server_limit_per_user = traitlets.Union(
        [traitlets.Integer(min=0), traitlets.Callable()],
        default_value=10,
        help="""Maximum number of named servers for each user; 0 for no limit. Existing servers above the
        limit are kept. A function is called with the request handler (its current_user is the caller) and
        may be async.
        """,
    ).tag(config=True)
    token_limit_per_user = traitlets.Integer(
        MAX_TOKENS,
        min=0,
        help="""Maximum number of API tokens that a user may have, including those of running servers but
        not those of browser sessions at servers; 0 for no limit. Existing tokens above the limit are kept.
        """,
    ).tag(config=True)
    allow_existing_invalid_named_servers = traitlets.Enum(
        ("allow-start", "allow-delete", "autorename"),
        "allow-start",
        help="""What to do with servers whose names are invalid, as JupyterHub before 6 allowed: allow-start
        keeps them usable, allow-delete lets users only stop and delete them, autorename renames them at
        startup.
        """,
    ).tag(config=True)
    default_server_name = traitlets.Unicode(
        "",
        help="Named server to which /hub/user-redirect leads; empty for the default server.",
    ).tag(config=True)
    concurrent_spawn_limit = traitlets.Integer(
        100,
        help="""Maximum number of servers that start at the same time; further starts are queued. 0 for no
        limit.
        """,
    ).tag(config=True)
    active_server_limit = traitlets.Integer(
        0,
        help="Maximum number of active servers; further starts are refused. 0 for no limit.",
    ).tag(config=True)
    cleanup_servers = traitlets.Bool(
        True,
        help="""Stop all servers when the hub shuts down. Otherwise servers continue to run, and the next
        hub process takes them over.
        """,
    ).tag(config=True)
    cleanup_proxy = traitlets.Bool(
        True,
        help="""Stop the proxy when the hub shuts down. Otherwise the proxy continues to run, and the next
        hub process takes it over.
        """,
    ).tag(config=True)
    lease_seconds = traitlets.Float(
        10,
        min=1,
        help="""Seconds without a heartbeat after which other hub processes take over the work of a hub
        process.
        """,
    ).tag(config=True)
    activity_resolution = traitlets.Float(
        30,
        help="""Minimum change of a last-activity time in seconds before it is written to the database
        again.
        """,
    ).tag(config=True)
    last_activity_interval = traitlets.Float(
        300,
        help="Seconds between two reads of activity from the proxy. Values above 30 count as 30.",
    ).tag(config=True)

    implicit_spawn_seconds = traitlets.Float(
        0,
        min=0,
        help="""Seconds after which a browser that opens a stopped server is redirected to the page that
        starts it; 0 to disable. Servers whose last start failed are not started this way.
        """,
    ).tag(config=True)
    shutdown_on_logout = traitlets.Bool(False, help="Stop a user's servers when they log out.").tag(
        config=True
    )
    user_redirect_hook = traitlets.Callable(
        None,
        allow_none=True,
        help="""Function that is called with path, request, user and base URL, and returns the URL to which
        /hub/user-redirect/path leads; None for the default. May be async.
        """,
    ).tag(config=True)
    use_legacy_stopped_server_status_code = traitlets.Bool(
        False,
        help="Respond with status 503 instead of 424 at the URLs of servers that are not running.",
    ).tag(config=True)
    api_page_default_limit = traitlets.Integer(
        50, min=1, help="Default number of items on a page of an API list."
    ).tag(config=True)
    api_page_max_limit = traitlets.Integer(
        200, min=1, help="Maximum number of items on a page of an API list."
    ).tag(config=True)
    redirect_to_server = traitlets.Bool(
        True,
        help="""Redirect users who log in or open the hub's URL to their server, or to the page that starts
        it; otherwise to the home page.
        """,
    ).tag(config=True)
    default_url = traitlets.Union(
        [traitlets.Unicode(), traitlets.Callable()],
        default_value="",
        help="""URL to which browsers are redirected when they open the hub's URL, with or without a login,
        and after a login, unless the request has a next parameter. A function is called with the request
        handler, may be async, and returns an empty string for the default.
        """,
    ).tag(config=True)
    template_paths: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(), help="Directories with templates that override those of the hub."
    ).tag(config=True)
    authenticate_prometheus = traitlets.Bool(
        True,
        help="Require the scope read:metrics for the metrics page. Otherwise the page is public.",
    ).tag(config=True)
    login_tries = traitlets.Integer(
        5,
        min=1,
        help="""Wrong passwords for one username from one address before a delay begins. The delay starts at
        two seconds and doubles with each further wrong password; a correct password ends it.
        """,
    ).tag(config=True)
    login_longest_pause = traitlets.Float(
        300,
        min=0,
        max=86400,
        help="Maximum delay in seconds after wrong passwords; 0 disables all login rate limits.",
    ).tag(config=True)
    login_tries_of_name = traitlets.Integer(
        50,
        min=1,
        help="""Wrong passwords for one username from all addresses before its logins are limited to one
        every two seconds. The count decreases by one each minute. Addresses from which the user logged in
        within the last 30 days are exempt.
        """,
    ).tag(config=True)
    login_tries_of_address = traitlets.Integer(
        100,
        min=1,
        help="""Wrong passwords from one address, or one IPv6 /64 network, before its logins are limited to
        one every two seconds. The count decreases by one every ten seconds. Users who logged in from the
        address within the last 30 days are exempt.
        """,
    ).tag(config=True)
    refused_logins_per_hour = traitlets.Integer(
        1000,
        min=1,
        help="""Maximum number of refused logins that each hub process logs and records in the audit trail
        in an hour. Refusals of the same username and address within a minute are combined. Beyond the
        limit, only the total is reported.
        """,
    ).tag(config=True)
    log_lines_of_strangers_per_hour = traitlets.Integer(
        20_000,
        min=0,
        help="""Maximum number of log lines that each hub process writes in an hour about unauthenticated
        requests; 120 a minute for one address. Further lines are only counted. 0 for no limit.
        """,
    ).tag(config=True)
    audit_days = traitlets.Float(
        90, min=0, help="Days for which audit records are kept; 0 disables the audit trail."
    ).tag(config=True)
    template_vars = traitlets.Dict(help="Additional variables for all templates.").tag(config=True)
    logo_file = traitlets.Unicode("", help="Image file for the page header.").tag(config=True)
    tornado_settings = traitlets.Dict(
        help="""Settings of JupyterHub's web application that are supported here: slow_spawn_timeout,
        slow_stop_timeout (seconds), headers, cookie_options, xsrf_cookie_kwargs and user_redirect_limit.
        """
    ).tag(config=True)
    extra_log_handlers: traitlets.List[object] = traitlets.List(
        help="Additional logging.Handler objects for the hub's log."
    ).tag(config=True)
    log_level = traitlets.Any("INFO", help="Log level: DEBUG, INFO, WARNING or ERROR.").tag(config=True)

    @traitlets.default("cookie_secret")
    def _cookie_secret_of_environment(self) -> bytes:
        return secret_of_environment()

    @traitlets.validate("cookie_secret")
    def _decode_cookie_secret(self, proposal: dict[str, str | bytes]) -> bytes:
        value = proposal["value"]
        return value if isinstance(value, bytes) else secret_of_text(value, "c.JupyterHub.cookie_secret")
