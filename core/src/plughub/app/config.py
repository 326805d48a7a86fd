"""The settings of the hub itself: ``c.JupyterHub.…`` in a config file."""

from __future__ import annotations

import traitlets
from traitlets.config import SingletonConfigurable

from plughub.app.cookie_secret import secret_of_environment, secret_of_text
from plughub.classes.traits import CookieSuffix, URLPrefix
from plughub.domain.limits import MAX_TOKENS


class JupyterHub(SingletonConfigurable):
    """The hub. The name is the one that config files use."""

    plugins = traitlets.List(
        traitlets.Unicode(),
        help="""Plugins that are active, in the order in which they are asked, as after ``--plugins``.

        For a kind that none of them is (spawner, authenticator, proxy) the default plugin is added.
        """,
    ).tag(config=True)
    plugin_settings = traitlets.Dict(
        help="Settings of plugins that are written as functions, by name of the plugin."
    ).tag(config=True)
    plugin_threads = traitlets.Integer(
        8,
        min=1,
        help="""Threads of each plugin for hooks that are plain functions. So many logins are checked at once:
        two of one name, and of one address half of those that are free.
        """,
    ).tag(config=True)
    spawner_class = traitlets.Any(
        "",
        help="""The default spawner: the name of a plugin, a class, or the dotted name of a class.

        A class takes the place of active plugins whose class it inherits from.
        """,
    ).tag(config=True)
    authenticator_class = traitlets.Any(
        "",
        help="""The first authenticator: the name of a plugin, a class, or the dotted name of a class.

        A class takes the place of active plugins whose class it inherits from.
        """,
    ).tag(config=True)
    proxy_class = traitlets.Any(
        "",
        help="""The proxy: the name of a plugin, a class, or the dotted name of a class.

        A class takes the place of active plugins whose class it inherits from.
        """,
    ).tag(config=True)
    one_person = traitlets.List(
        traitlets.Set(traitlets.Unicode()),
        help="""Sets of authenticators whose equal names mean one person, such as ``[{"pam", "ldap"}]``.

        Without it a name that one authenticator has used is refused to the others.
        """,
    ).tag(config=True)

    ip = traitlets.Unicode("127.0.0.1", help="Address on which users reach the hub; empty for all.").tag(
        config=True
    )
    port = traitlets.Integer(8000, min=1, max=65535, help="Port on which users reach the hub.").tag(
        config=True
    )
    bind_url = traitlets.Unicode(
        "", help="Address on which users reach the hub as one URL; it sets ip, port and base_url."
    ).tag(config=True)
    public_url = traitlets.Unicode("", help="Address of the hub as browsers see it.").tag(config=True)
    subdomain_host = traitlets.Unicode(
        "",
        help="""Address of the hub, such as https://hub.example.org, below which each user and each service
        has a host of their own: https://alice.hub.example.org. No page of a server can act on the hub or on
        other users' servers then. It needs a DNS entry and a certificate for ``*.hub.example.org``.
        """,
    ).tag(config=True)
    subdomain_hook = traitlets.Union(
        [traitlets.Enum(("idna", "legacy")), traitlets.Callable()],
        default_value="idna",
        help="""How these hosts are named: ``idna``, ``legacy`` (all services on one host), or a function
        that gets a name, the host of the hub and ``user`` or ``service``, and answers the host.
        """,
    ).tag(config=True)
    servers_url = traitlets.Unicode(
        "",
        help="""One address for all servers and services, such as https://servers.example.org, or
        https://hub.example.org:8443: the host of the hub with another port. No page of a server can act on
        the hub then; on each other's servers they can. It needs public_url, the address of the hub.
        """,
    ).tag(config=True)
    allow_worker_scopes = traitlets.Bool(
        False,
        help="""Start although servers share the hub's address and the proxy passes the header
        Service-Worker-Allowed on, with which a server can put a service worker before the hub's login page.
        Set it when something before the proxy removes the header, or when all users trust each other.
        """,
    ).tag(config=True)
    servers_port = traitlets.Integer(
        0,
        min=0,
        max=65535,
        help="""Port on which the proxy listens for servers and services when servers_url has the host of the
        hub; 0 for the port in servers_url.
        """,
    ).tag(config=True)
    base_url = URLPrefix(
        "/",
        help="""Path of the whole application, such as ``/jupyter/``. It may be written with or without
        escapes: ``/my hub/`` and ``/my%20hub/`` are the same.""",
    ).tag(config=True)
    hub_ip = traitlets.Unicode("127.0.0.1", help="Address on which proxy and servers reach the hub.").tag(
        config=True
    )
    hub_port = traitlets.Integer(
        8081, min=1, max=65535, help="Port on which proxy and servers reach the hub."
    ).tag(config=True)
    hub_bind_url = traitlets.Unicode(
        "", help="Address on which proxy and servers reach the hub as one URL; it sets hub_ip and hub_port."
    ).tag(config=True)
    hub_connect_ip = traitlets.Unicode(
        "", help="Address to give to proxy and servers, when it differs from hub_ip."
    ).tag(config=True)
    hub_connect_url = traitlets.Unicode(
        "", help="URL to give to proxy and servers, when it differs from hub_bind_url."
    ).tag(config=True)
    ssl_key = traitlets.Unicode("", help="Path of the key for https.").tag(config=True)
    ssl_cert = traitlets.Unicode("", help="Path of the certificate for https.").tag(config=True)
    internal_ssl = traitlets.Bool(
        False,
        help="""Hub, proxy, services and servers speak TLS with each other, each with a certificate that the
        hub's own authorities have signed. Plain HTTP is refused inside.
        """,
    ).tag(config=True)
    internal_certs_location = traitlets.Unicode(
        "internal-ssl", help="Folder for authorities, certificates and keys of internal_ssl."
    ).tag(config=True)
    recreate_internal_certs = traitlets.Bool(
        False,
        help="""Make the authorities of internal_ssl anew when the hub starts. What runs is not trusted any
        more then: stop all servers before.
        """,
    ).tag(config=True)
    trusted_alt_names: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(),
        help="Further host names and addresses in the certificates of hub and proxy, such as DNS:hub.lan.",
    ).tag(config=True)
    external_ssl_authorities = traitlets.Dict(
        help="""Authorities of internal_ssl that somebody else made, by name, such as proxy-client-ca: dicts
        of paths with cert, and maybe key (without it the hub signs nothing by it) and ca.
        """
    ).tag(config=True)
    trusted_downstream_ips: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(),
        help="""Addresses, or networks, of proxies before the hub's own whose X-Forwarded headers and X-Scheme
        are believed. With an address of this machine, such as 127.0.0.1, all its users are: see
        trusted_downstream_users.
        """,
    ).tag(config=True)
    trusted_downstream_users: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(),
        help="""System users whose processes on this machine are proxies, too, and lead to the hub's own port:
        their X-Forwarded headers are believed. The user as whom the hub's own proxy runs always is one.
        """,
    ).tag(config=True)
    spawn_form_limit = traitlets.Integer(
        10 * 1024 * 1024,
        min=1024,
        help="""Bytes that the start page may send, files among them, where the spawner has a form. Everything
        else that a signed-in user sends has at most 1 MiB, and what strangers send 32 KiB.
        """,
    ).tag(config=True)

    db_url = traitlets.Unicode(
        "sqlite:///jupyterhub.sqlite", help="URL of the database: sqlite:///file or postgresql://…"
    ).tag(config=True)
    db_kwargs = traitlets.Dict(help="Further arguments of sqlalchemy.create_engine.").tag(config=True)
    upgrade_db = traitlets.Bool(False, help="Bring the schema of the database up to date at start.").tag(
        config=True
    )
    host_name = traitlets.Unicode(
        "",
        help="""Name of this machine among those whose hubs share the database: what is bound to a machine
        is seen to by its hubs alone. Empty: as the system calls it. No two machines, and no two containers
        in which hubs run, may have the same: a second one does not start.
        """,
    ).tag(config=True)
    runtime_dir = traitlets.Unicode(
        ".plughub", help="Folder for sockets, logs and generated files; it is made with mode 0700."
    ).tag(config=True)
    pid_file = traitlets.Unicode("", help="File to write the process id to.").tag(config=True)

    cookie_secret = traitlets.Union(
        [traitlets.Bytes(), traitlets.Unicode()],
        default_value=b"",
        help="""Secret that signs cookies, as bytes or as text in hexadecimal digits; better kept in
        cookie_secret_file.
        """,
    ).tag(config=True)
    cookie_secret_file = traitlets.Unicode(
        "jupyterhub_cookie_secret", help="File with the secret that signs cookies; made when missing."
    ).tag(config=True)
    cookie_max_age_days = traitlets.Float(14, help="Days that a login lasts.").tag(config=True)
    cookie_host_prefix_enabled = traitlets.Bool(
        None,
        allow_none=True,
        help="""Name the login cookies of hub and servers ``__Host-…``: browsers take them from one host
        alone, by https alone. They go to all paths then, so use it with a host for each server. None: that
        of the hub where it has a host without servers and is reached by https.
        """,
    ).tag(config=True)
    cookie_suffix = CookieSuffix(
        "",
        help="""Ends the names of the hub's login and XSRF cookies, such as ``-staging``: two hubs on one host
        with different ports do not log each other's users out then. The cookies of servers keep their
        names: a user who opens servers of both hubs needs hubs with different values of base_url, too.
        """,
    ).tag(config=True)
    hsts_max_age = traitlets.Integer(
        86400,
        min=0,
        help="""Seconds for which browsers that reached the hub by https use https only, for all ports of its
        host; 0 sends no Strict-Transport-Security header. It is sent where public_url, ssl_cert or a
        trusted proxy tells that browsers come by https.
        """,
    ).tag(config=True)
    confirm_within = traitlets.Float(
        None,
        allow_none=True,
        min=0,
        help="""Seconds that a login may be old for a request of a page that makes a token or a share, or that
        changes what belongs to others; users confirm with their password after that. 0: any age. None: 600
        where servers share the hub's web address, else 0. Requests with tokens need no confirmation.
        """,
    ).tag(config=True)
    oauth_token_expires_in = traitlets.Integer(
        0, help="Seconds that the token of a server in a browser lasts; 0 for as long as the login."
    ).tag(config=True)
    oauth_require_pkce = traitlets.Bool(False, help="Refuse OAuth clients that do not use PKCE.").tag(
        config=True
    )
    token_expires_in_max_seconds = traitlets.Integer(
        0, help="Longest life of a token that a user asks for, in seconds; 0 for any."
    ).tag(config=True)
    custom_scopes = traitlets.Dict(help="Scopes of services: by name, with description and subscopes.").tag(
        config=True
    )

    load_roles: traitlets.List[object] = traitlets.List(
        help="""Roles: dicts with name, description, scopes, users, groups and services.

        Who is listed holds the role, nobody else; a role that is not listed any more is deleted. The roles
        user, server and token can be changed, of admin only who holds it.
        """
    ).tag(config=True)
    load_groups = traitlets.Dict(
        help="Groups by name: lists of users, or dicts with users and properties. Others stay members."
    ).tag(config=True)
    services: traitlets.List[object] = traitlets.List(
        help="""Programs that use the API in their own name: dicts with name, api_token, url, info, display,
        timeout, oauth_client_id, oauth_redirect_uri, oauth_no_confirm and oauth_client_allowed_scopes.

        The hub starts those with a command; these may have cwd, environment and user. One with a url is
        reached below /services/NAME/. What a service may do stands in load_roles.
        """
    ).tag(config=True)
    service_tokens: traitlets.Dict[str, str] = traitlets.Dict(
        help="Further tokens of services: names of services by token."
    ).tag(config=True)
    service_check_interval = traitlets.Float(
        60, min=1, help="Seconds between two looks whether a service with a url answers."
    ).tag(config=True)
    extra_user_scopes = traitlets.Set(
        traitlets.Unicode(), help="Scopes that every user has besides those of the role user."
    ).tag(config=True)

    allow_named_servers = traitlets.Bool(False, help="Users may have more than one server.").tag(config=True)
    named_server_limit_per_user = traitlets.Union(
        [traitlets.Integer(min=0), traitlets.Callable()],
        default_value=10,
        help="""How many named servers a user may have; 0 for any number. Users who have more keep them. A
        function gets the handler of the request, whose current_user is the caller; what it answers may be
        awaited.
        """,
    ).tag(config=True)
    token_limit_per_user = traitlets.Integer(
        MAX_TOKENS,
        min=0,
        help="""How many API tokens a user may have at a time, those of running servers included and those of
        sign-ins at servers not; 0 for any number. Users who have more keep them.
        """,
    ).tag(config=True)
    allow_existing_invalid_named_servers = traitlets.Enum(
        ("allow-start", "allow-delete", "autorename"),
        "allow-start",
        help="""What holds for servers whose names break the rule, as JupyterHub before 6 made them: they can
        be started, only be stopped and deleted, or get good names when the hub starts.
        """,
    ).tag(config=True)
    default_server_name = traitlets.Unicode(
        "", help="Named server to which user-redirect leads; empty for the default server."
    ).tag(config=True)
    concurrent_spawn_limit = traitlets.Integer(
        100, help="Starts that go on at once; further ones wait in a queue. 0 for any number."
    ).tag(config=True)
    active_server_limit = traitlets.Integer(
        0, help="Servers that may be active at all; further starts are refused. 0 for any number."
    ).tag(config=True)
    cleanup_servers = traitlets.Bool(
        True, help="Stop all servers when the hub is stopped; when off they stay and are found again."
    ).tag(config=True)
    cleanup_proxy = traitlets.Bool(
        True, help="Stop the proxy when the hub is stopped; when off it stays and is found again."
    ).tag(config=True)
    lease_seconds = traitlets.Float(
        10, min=1, help="Seconds without a sign of life after which another hub process takes work over."
    ).tag(config=True)
    activity_resolution = traitlets.Float(
        30, help="Seconds; activity that is not that much newer is not written."
    ).tag(config=True)
    last_activity_interval = traitlets.Float(
        300, help="Seconds between two looks at the activity and the routes of the proxy."
    ).tag(config=True)

    implicit_spawn_seconds = traitlets.Float(
        0,
        min=0,
        help="""Seconds after which who opens a server that does not run is sent to start it; 0 for never. A
        start that failed is not tried again so.
        """,
    ).tag(config=True)
    shutdown_on_logout = traitlets.Bool(False, help="Stop the servers of who logs out.").tag(config=True)
    user_redirect_hook = traitlets.Callable(
        None,
        allow_none=True,
        help="""Function of path, request, user and base URL that says where /hub/user-redirect/path leads;
        None for as usual. What it answers may be awaited.
        """,
    ).tag(config=True)
    use_legacy_stopped_server_status_code = traitlets.Bool(
        False, help="Answer 503, not 424, at the addresses of servers that do not run."
    ).tag(config=True)
    api_page_default_limit = traitlets.Integer(
        50, min=1, help="Items of a page of a list in the API, unless said otherwise."
    ).tag(config=True)
    api_page_max_limit = traitlets.Integer(
        200, min=1, help="Items of a page of a list in the API at most."
    ).tag(config=True)
    redirect_to_server = traitlets.Bool(
        True,
        help="""Send users who log in or open the address of the hub to their server, or to the page that
        starts it; otherwise to the home page.
        """,
    ).tag(config=True)
    default_url = traitlets.Union(
        [traitlets.Unicode(), traitlets.Callable()],
        default_value="",
        help="""Address to send browsers to that open the address of the hub, logged in or not, and users who
        log in, unless the request names another one in next. A function gets the handler of the request; what
        it answers may be awaited, and may be empty for as usual.
        """,
    ).tag(config=True)
    template_paths: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(), help="Folders with templates, looked up before the hub's own."
    ).tag(config=True)
    authenticate_prometheus = traitlets.Bool(
        True, help="Who reads the metrics needs the scope read:metrics; when off anybody can read them."
    ).tag(config=True)
    login_tries = traitlets.Integer(
        5,
        min=1,
        help="""Wrong passwords of one name from one address before each further one doubles a pause, which
        begins with two seconds. A right password ends it.
        """,
    ).tag(config=True)
    login_longest_pause = traitlets.Float(
        300, min=0, max=86400, help="Seconds that a pause after wrong passwords lasts at most; 0 for none."
    ).tag(config=True)
    login_tries_of_name = traitlets.Integer(
        50,
        min=1,
        help="""Wrong passwords of one name from all addresses before logins with it are let through one every
        two seconds, in turn. It sinks by one a minute, and does not hold where the user logged in lately.
        """,
    ).tag(config=True)
    login_tries_of_address = traitlets.Integer(
        100,
        min=1,
        help="""Wrong passwords from one address, or one /64 of IPv6, before its logins are let through one
        every two seconds, in turn. It sinks by one in ten seconds, and does not hold for users who logged in
        from there lately.
        """,
    ).tag(config=True)
    refused_logins_per_hour = traitlets.Integer(
        1000,
        min=1,
        help="""Refused logins that each hub process logs and keeps in the audit trail in an hour; of those of
        one name and address in a minute the first, and the number of the others. Beyond, they are counted.
        """,
    ).tag(config=True)
    log_lines_of_strangers_per_hour = traitlets.Integer(
        20_000,
        min=0,
        help="""Lines that the log of each hub process holds in an hour about requests of strangers, who are
        not logged in; of one address 120 in a minute. Further ones are counted. 0 for any number.
        """,
    ).tag(config=True)
    audit_days = traitlets.Float(
        90, min=0, help="Days that the audit trail is kept; 0 for no audit trail."
    ).tag(config=True)
    template_vars = traitlets.Dict(help="Further variables of all templates.").tag(config=True)
    logo_file = traitlets.Unicode("", help="Picture for the head of the pages.").tag(config=True)
    tornado_settings = traitlets.Dict(
        help="""Of JupyterHub's: slow_spawn_timeout, slow_stop_timeout (seconds), headers, cookie_options,
        xsrf_cookie_kwargs and user_redirect_limit.
        """
    ).tag(config=True)
    extra_log_handlers: traitlets.List[object] = traitlets.List(
        help="Further handlers of Python's logging for what the hub logs."
    ).tag(config=True)
    log_level = traitlets.Any("INFO", help="Level of the log: DEBUG, INFO, WARNING, ERROR.").tag(config=True)

    @traitlets.default("cookie_secret")
    def _cookie_secret_of_environment(self) -> bytes:
        return secret_of_environment()

    @traitlets.validate("cookie_secret")
    def _decode_cookie_secret(self, proposal: dict[str, str | bytes]) -> bytes:
        value = proposal["value"]
        return value if isinstance(value, bytes) else secret_of_text(value, "c.JupyterHub.cookie_secret")
