"""Settings of spawners, and attributes that the hub sets."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Dict, Float, Integer, List, Unicode, Union, default, observe, validate

from plughub.classes.plain_settings import PlainSettings
from plughub.classes.spawner.hub_objects import ServerAddress, SpawnerHub, SpawnerUser
from plughub.classes.spawner.options import form_reader, pass_through
from plughub.classes.traits import ByteSpecification, Callable, Command
from plughub.kinds import Server


class SpawnerSettings(PlainSettings):
    """Settings of `Spawner`: set them on ``c.Spawner`` or on the class in use."""

    # ---- set by the hub

    user: SpawnerUser = AnyTrait(help="User of the server: name, admin, groups, url, auth_state.")  # type: ignore[assignment]
    server: ServerAddress = AnyTrait(help="Address on which the server listens: ip, port, base_url, url.")  # type: ignore[assignment]
    hub: SpawnerHub = AnyTrait(help="Facts about the hub: api_url, base_url, public_host.")  # type: ignore[assignment]
    record: Server = AnyTrait(help="Record of the server, as hooks receive it.")  # type: ignore[assignment]
    name = Unicode(help="Name of the server; empty for the default server.")
    plugin = Unicode("spawner", help="Name of the plugin to which this spawner belongs.")
    mark = Unicode(help="Mark of the hub, to be attached to whatever the spawner launches.")
    operation = Unicode(help="ID of the start operation, to be attached to whatever the spawner launches.")
    api_token = Unicode(help="API token of the server. A secret.")
    oauth_client_id = Unicode(help="ID of the server's OAuth client.")
    user_options: dict[str, Any] = Dict(help="Options that the user chose.")  # type: ignore[assignment]
    profile = Unicode(help="Slug of the profile that the user chose; empty if the spawner has none.")
    profile_options: frozenset[str] = AnyTrait(  # type: ignore[assignment]
        frozenset(), help="Keys of user_options that belong to the profile."
    )
    internal_ssl = Bool(False, help="Whether hub, proxy and servers use TLS with each other.")
    internal_certs_location = Unicode(help="Directory of the hub's certificates; empty for plain HTTP.")
    cert_paths: dict[str, str] = Dict(  # type: ignore[assignment]
        help="""Paths of the server's certificate, as the server sees them: keyfile, certfile and cafile;
        empty for plain HTTP.
        """
    )
    runtime_dir = AnyTrait(
        None, help="Directory for the plugin's files, kept over restarts; None if unknown."
    )
    last_activity: datetime = AnyTrait(help="Time of the server's last known activity; its start if none.")  # type: ignore[assignment]
    handler = AnyTrait(None, help="Always None, for compatibility: spawners receive no request.")
    authenticator = AnyTrait(None, help="Always None, for compatibility: spawners receive no authenticator.")
    db = AnyTrait(None, help="Always None, for compatibility: spawners receive no database.")
    will_resume = Bool(
        False,
        help="""Whether the next start resumes what was stopped. If so, the hub keeps the token, the OAuth
        client and the result of get_state after clear_state. Set by the spawner.
        """,
    )

    # ---- where and what to start

    ip = Unicode("127.0.0.1", help="Address on which the server listens; empty for all interfaces.").tag(
        config=True
    )
    port = Integer(0, help="Port on which the server listens; 0 to choose a free port for each start.").tag(
        config=True
    )
    cmd = Command(["jupyterhub-singleuser"], help="Command that starts the server.").tag(config=True)
    args = List(Unicode(), help="Additional arguments for Spawner.cmd.").tag(config=True)
    notebook_dir = Unicode(
        help="Root directory of the server; ~ is the home directory, {username} the username."
    ).tag(config=True)
    default_url = Unicode(
        help="Page that the server opens by default, such as /lab; {username} is the username."
    ).tag(config=True)
    env_keep = List(
        Unicode(),
        ["JUPYTERHUB_SINGLEUSER_APP"],
        help="Environment variables that servers inherit from the hub. They inherit no other variables.",
    ).tag(config=True)
    env: dict[str, Any] = Dict(help="Deprecated: use Spawner.environment, or extend get_env.")  # type: ignore[assignment]
    environment: dict[str, Any] = Dict(  # type: ignore[assignment]
        help="""Environment variables for servers, which override all others. A value may be a function that
        is called with the spawner; None removes the variable.
        """
    ).tag(config=True)
    hub_auth_cache_seconds = Integer(
        None,
        allow_none=True,
        min=1,
        help="""Seconds for which jupyterhub-singleuser caches the hub's answer about a token or login, even
        if it is revoked meanwhile; None for its default of 300. Leave it unset for other commands.
        """,
    ).tag(config=True)
    debug = Bool(False, help="Let servers log at level DEBUG.").tag(config=True)
    disable_user_config = Bool(
        False, help="Let servers ignore the configuration in the user's home directory."
    ).tag(config=True)

    # ---- time

    start_timeout = Integer(60, help="Maximum duration of start() in seconds.").tag(config=True)
    http_timeout = Integer(
        30, help="Seconds within which a started server must respond to HTTP requests."
    ).tag(config=True)
    poll_interval = Integer(30, help="Seconds between two polls of a running server; 0 to disable.").tag(
        config=True
    )
    poll_jitter = Float(
        0.1, min=0, help="Random variation of Spawner.poll_interval, as a fraction of it."
    ).tag(config=True)
    consecutive_failure_limit = Integer(
        0,
        help="Accepted for compatibility, without effect: failed starts never stop the hub.",
    ).tag(config=True)

    # ---- limits; enforced by the spawner, and passed to the server as MEM_LIMIT etc.

    mem_limit = ByteSpecification(
        None, allow_none=True, help="Maximum memory of a server, in bytes or with a unit, such as 2G."
    ).tag(config=True)
    mem_guarantee = ByteSpecification(
        None, allow_none=True, help="Guaranteed memory of a server, in bytes or with a unit, such as 2G."
    ).tag(config=True)
    cpu_limit = Float(
        None, allow_none=True, help="Maximum number of CPU cores of a server, such as 0.5."
    ).tag(config=True)
    cpu_guarantee = Float(None, allow_none=True, help="Guaranteed number of CPU cores of a server.").tag(
        config=True
    )

    # ---- options

    options_form: Any = Union(
        [Unicode(), Callable()],
        default_value="",
        help="""HTML of the form fields with which a user chooses start options, or a function that is
        called with the spawner and returns it.
        """,
    ).tag(config=True)
    options_from_form: Any = Union(
        [Unicode(), Callable()],
        default_value=pass_through,
        help="""Conversion of the submitted form (lists of strings by field) to Spawner.user_options: a
        function, 'passthrough' (unchanged), or 'simple' (single values without their list, checked boxes as
        True).
        """,
    ).tag(config=True)
    apply_user_options: Any = Union(
        [Dict(), Callable()],
        default_value=None,
        allow_none=True,
        help="""Settings that Spawner.user_options may change: a mapping from options to names of settings,
        or a function that is called with spawner and options. Options come from the user: validate them.
        """,
    ).tag(config=True)
    group_overrides: Any = Union(
        [Dict(), Callable()],
        default_value={},
        help="""Settings for members of groups: {key: {'groups': [...], 'spawner_override': {setting:
        value}}}. They are applied in the order of the keys; dictionaries are merged. May be a function that
        is called with the spawner and returns such a dictionary.
        """,
    ).tag(config=True)

    spawner_label = Unicode(
        help="Name of this spawner for users who choose between several; empty for its usual name."
    ).tag(config=True)
    spawner_description = Unicode(
        help="What this spawner is meant for, on the start page of a hub with several."
    ).tag(config=True)
    # wrapspawner's ProfilesSpawner passes a list of tuples on to the class that it wraps.
    profiles: Any = Union(
        [List(), Callable()],
        default_value=[],
        help="""Profiles among which a user chooses at a start, in the shape of KubeSpawner's profile_list: a
        list of dictionaries with display_name, slug, description, default, override (values by setting),
        profile_options and unlisted_choice. Also icon, groups (only for their members), image, cmd, args,
        environment, default_url, notebook_dir, limits such as mem_limit, and form (a JSON Schema of further
        options). May be a function, also async, that is called with the spawner and returns such a list.
        """,
    ).tag(config=True, offers_profiles=True)

    # ---- hooks of the config file

    pre_spawn_hook = AnyTrait(
        None, help="Function that is called with the spawner before start(). May be async."
    ).tag(config=True)
    post_stop_hook = AnyTrait(
        None, help="Function that is called with the spawner after stop(). May be async."
    ).tag(config=True)
    auth_state_hook = AnyTrait(
        None,
        help="""Function that is called with the spawner and its auth_state (a dictionary or None) before a
        start. May be async.
        """,
    ).tag(config=True)
    progress_ready_hook = AnyTrait(
        None,
        help="""Function that is called with the spawner and the final progress event, and may change its
        message. May be async.
        """,
    ).tag(config=True)

    # ---- the hub, tokens and certificates

    hub_connect_url = Unicode(
        None,
        allow_none=True,
        help="URL at which servers connect to the hub, if it differs from JupyterHub.hub_connect_url.",
    ).tag(config=True)
    server_token_scopes: Any = Union(
        [List(Unicode()), Callable()],
        default_value=None,
        allow_none=True,
        help="""Scopes of the server's own token, limited to those that its user has. Defaults to the scopes
        of the role 'server'.
        """,
    ).tag(config=True)
    oauth_client_allowed_scopes: Any = Union(
        [List(Unicode()), Callable()],
        default_value=None,
        allow_none=True,
        help="""Scopes that the server may obtain for users who log in to it, in addition to access to
        itself.
        """,
    ).tag(config=True)
    oauth_roles: Any = Union(
        [List(Unicode()), Callable()],
        default_value=None,
        allow_none=True,
        help="No longer supported: use Spawner.oauth_client_allowed_scopes.",
    ).tag(config=True)
    ssl_alt_names: Any = Union(
        [List(Unicode()), Callable()],
        help="""Host names and addresses at which hub and proxy connect to the server, for its certificate
        with JupyterHub.internal_ssl, or a function that is called with the spawner and returns them.
        """,
    ).tag(config=True)
    ssl_alt_names_include_local = Bool(
        True, help="Add localhost, 127.0.0.1 and ::1 to Spawner.ssl_alt_names."
    ).tag(config=True)

    @default("last_activity")
    def _default_last_activity(self) -> datetime:
        return datetime.now(UTC)

    @default("log")
    def _default_log(self) -> logging.Logger:
        return logging.getLogger(f"plughub.spawner.{self.plugin}")

    @validate("ip")
    def _strip_brackets(self, proposal: Mapping[str, Any]) -> str:
        return str(proposal["value"]).removeprefix("[").removesuffix("]")

    @validate("notebook_dir", "default_url")
    def _convert_percent_u(self, proposal: Mapping[str, Any]) -> str:
        return str(proposal["value"]).replace("%U", "{username}")

    @validate("options_from_form")
    def _find_form_reader(self, proposal: Mapping[str, Any]) -> Any:
        return form_reader(proposal["value"])

    @observe("oauth_roles")
    def _refuse_oauth_roles(self, change: Mapping[str, Any]) -> None:
        if change["new"]:
            raise ValueError(
                "Spawner.oauth_roles is no longer supported: use Spawner.oauth_client_allowed_scopes"
            )
