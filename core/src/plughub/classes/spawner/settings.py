"""The settings of every spawner, and what the hub fills in."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Dict, Float, Integer, List, Unicode, Union, default, observe, validate
from traitlets.config import LoggingConfigurable

from plughub.classes.spawner.hub_objects import ServerAddress, SpawnerHub, SpawnerUser
from plughub.classes.spawner.options import form_reader, pass_through
from plughub.classes.traits import ByteSpecification, Callable, Command
from plughub.kinds import Server


class SpawnerSettings(LoggingConfigurable):
    """Every setting stands in config files as ``c.Spawner.<name>``, or with the name of a subclass."""

    # ---- filled in by the hub; plain objects

    user: SpawnerUser = AnyTrait(help="The user: name, admin, groups, url, auth_state.")  # type: ignore[assignment]
    server: ServerAddress = AnyTrait(help="Where the server listens: ip, port, base_url, url.")  # type: ignore[assignment]
    hub: SpawnerHub = AnyTrait(help="The hub: api_url, base_url, public_host.")  # type: ignore[assignment]
    record: Server = AnyTrait(help="The record of the server as the hub's hooks hand it over.")  # type: ignore[assignment]
    name = Unicode(help="Name of the server; empty for the default one.")
    plugin = Unicode("spawner", help="Name of the plugin that this spawner belongs to.")
    mark = Unicode(help="Mark of the hub; what is launched carries it.")
    operation = Unicode(help="Id of the start; what is launched carries it.")
    api_token = Unicode(help="The server's token. A secret.")
    oauth_client_id = Unicode(help="The server's OAuth client.")
    user_options: dict[str, Any] = Dict(help="What the user chose.")  # type: ignore[assignment]
    internal_ssl = Bool(False, help="Whether hub, proxy and servers speak TLS with each other.")
    internal_certs_location = Unicode(help="Folder of the hub's certificates when they do.")
    cert_paths: dict[str, str] = Dict(  # type: ignore[assignment]
        help="Where the server finds its certificate: keyfile, certfile and cafile; empty for plain HTTP."
    )
    runtime_dir = AnyTrait(
        None, help="Folder for the plugin's files, kept over restarts; None when not known."
    )
    handler = AnyTrait(None, help="Always None: no request is handed to spawners.")
    authenticator = AnyTrait(None, help="Always None: no authenticator is handed to spawners.")
    db = AnyTrait(None, help="Always None: no database is handed to spawners.")
    will_resume = Bool(
        False,
        help="Whether the next start goes on with what was stopped; token, OAuth client and what get_state "
        "answers after clear_state are kept for it then. Set by the spawner.",
    )

    # ---- where and what to start

    ip = Unicode("127.0.0.1", help="Address that the server listens on; empty for all interfaces.").tag(
        config=True
    )
    port = Integer(0, help="Port that the server listens on; 0 chooses a free one for each start.").tag(
        config=True
    )
    cmd = Command(["jupyterhub-singleuser"], help="Command that starts the server.").tag(config=True)
    args = List(Unicode(), help="Further arguments for Spawner.cmd.").tag(config=True)
    notebook_dir = Unicode(
        help="Root folder of the server; ~ is the home folder, {username} the name of the user."
    ).tag(config=True)
    default_url = Unicode(
        help="Page that the server opens with, such as /lab; {username} is the name of the user."
    ).tag(config=True)
    env_keep = List(
        Unicode(),
        ["JUPYTERHUB_SINGLEUSER_APP"],
        help="Environment variables that servers inherit from the hub; they inherit no others.",
    ).tag(config=True)
    environment: dict[str, Any] = Dict(  # type: ignore[assignment]
        help="Environment variables for servers; they win over all others. A value may be a function of the "
        "spawner; None takes the variable away."
    ).tag(config=True)
    hub_auth_cache_seconds = Integer(
        None,
        allow_none=True,
        min=1,
        help="Seconds for which jupyterhub-singleuser believes what the hub said of a token or login, though "
        "it may have been revoked since; None for its own 300. For other commands leave it as it is.",
    ).tag(config=True)
    debug = Bool(False, help="Let servers log at level debug.").tag(config=True)
    disable_user_config = Bool(
        False, help="Let servers ignore the configuration in the home folder of their user."
    ).tag(config=True)

    # ---- time

    start_timeout = Integer(60, help="Seconds that start() may take.").tag(config=True)
    http_timeout = Integer(30, help="Seconds until a started server must answer HTTP.").tag(config=True)
    poll_interval = Integer(30, help="Seconds between two looks at a running server; 0 for never.").tag(
        config=True
    )
    poll_jitter = Float(0.1, min=0, help="Fraction by which Spawner.poll_interval varies.").tag(config=True)
    consecutive_failure_limit = Integer(
        0,
        help="Accepted for the sake of old config files, without effect: no failed start ends the hub.",
    ).tag(config=True)

    # ---- limits; what they do is up to the spawner, the server learns them as MEM_LIMIT and so on

    mem_limit = ByteSpecification(
        None, allow_none=True, help="Most memory of a server, in bytes or such as 2G."
    ).tag(config=True)
    mem_guarantee = ByteSpecification(
        None, allow_none=True, help="Memory that a server is promised, in bytes or such as 2G."
    ).tag(config=True)
    cpu_limit = Float(None, allow_none=True, help="Most CPU cores of a server, such as 0.5.").tag(config=True)
    cpu_guarantee = Float(None, allow_none=True, help="CPU cores that a server is promised.").tag(config=True)

    # ---- options

    options_form: Any = Union(
        [Unicode(), Callable()],
        default_value="",
        help="HTML inside the form in which a user chooses how to start, or a function of the spawner.",
    ).tag(config=True)
    options_from_form: Any = Union(
        [Unicode(), Callable()],
        default_value=pass_through,
        help="Turns the form (lists of texts by field) into Spawner.user_options: a function, 'passthrough' "
        "(as it is), or 'simple' (single values out of their lists, ticked boxes are True).",
    ).tag(config=True)
    apply_user_options: Any = Union(
        [Dict(), Callable()],
        default_value=None,
        allow_none=True,
        help="What Spawner.user_options may change: names of settings by option, or a function of spawner "
        "and options. Options come from the user and may be anything: check them.",
    ).tag(config=True)
    group_overrides: Any = Union(
        [Dict(), Callable()],
        default_value={},
        help="Settings for groups: {key: {'groups': [...], 'spawner_override': {setting: value}}}, applied "
        "in the order of the keys; dictionaries are merged. Or a function of the spawner that answers this.",
    ).tag(config=True)

    # ---- hooks of the config file

    pre_spawn_hook = AnyTrait(None, help="Function of the spawner, called before start().").tag(config=True)
    post_stop_hook = AnyTrait(None, help="Function of the spawner, called after stop().").tag(config=True)
    auth_state_hook = AnyTrait(
        None, help="Function of spawner and auth_state (a dictionary or None), called before a start."
    ).tag(config=True)
    progress_ready_hook = AnyTrait(
        None, help="Function of spawner and event that may change the message of a server that is ready."
    ).tag(config=True)

    # ---- the hub, tokens and certificates

    hub_connect_url = Unicode(
        None, allow_none=True, help="Where servers reach the hub, when not at JupyterHub.hub_connect_url."
    ).tag(config=True)
    server_token_scopes: Any = Union(
        [List(Unicode()), Callable()],
        default_value=None,
        allow_none=True,
        help="Scopes of the server's own token, of those that its user holds; those of the role 'server' "
        "when not set.",
    ).tag(config=True)
    oauth_client_allowed_scopes: Any = Union(
        [List(Unicode()), Callable()],
        default_value=None,
        allow_none=True,
        help="Scopes that the server may get on behalf of those who log in to it, beyond access to itself.",
    ).tag(config=True)
    oauth_roles: Any = Union(
        [List(Unicode()), Callable()],
        default_value=None,
        allow_none=True,
        help="No longer supported: use Spawner.oauth_client_allowed_scopes.",
    ).tag(config=True)
    ssl_alt_names: Any = Union(
        [List(Unicode()), Callable()],
        help="Host names and addresses at which hub and proxy reach the server, for its certificate "
        "(JupyterHub.internal_ssl), or a function of the spawner that gives them.",
    ).tag(config=True)
    ssl_alt_names_include_local = Bool(
        True, help="Add localhost, 127.0.0.1 and ::1 to Spawner.ssl_alt_names."
    ).tag(config=True)

    @default("log")
    def _default_log(self) -> logging.Logger:
        return logging.getLogger(f"plughub.spawner.{self.plugin}")

    @validate("ip")
    def _without_brackets(self, proposal: Mapping[str, Any]) -> str:
        return str(proposal["value"]).removeprefix("[").removesuffix("]")

    @validate("notebook_dir", "default_url")
    def _old_percent_u(self, proposal: Mapping[str, Any]) -> str:
        return str(proposal["value"]).replace("%U", "{username}")

    @validate("options_from_form")
    def _find_form_reader(self, proposal: Mapping[str, Any]) -> Any:
        return form_reader(proposal["value"])

    @observe("oauth_roles")
    def _roles_are_gone(self, change: Mapping[str, Any]) -> None:
        if change["new"]:
            raise ValueError(
                "Spawner.oauth_roles is no longer supported: use Spawner.oauth_client_allowed_scopes"
            )
