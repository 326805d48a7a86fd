"""Settings of servers: names, limits, starts and activity."""

from __future__ import annotations

import traitlets


class ServerSettings(traitlets.HasTraits):
    """Settings that `JupyterHub` inherits."""

    allow_named_servers = traitlets.Bool(False, help="Let users have more than one server.").tag(config=True)
    named_server_limit_per_user = traitlets.Union(
        [traitlets.Integer(min=0), traitlets.Callable()],
        default_value=10,
        help="""Maximum number of named servers for each user; 0 for no limit. Existing servers above the
        limit are kept. A function is called with the request handler (its current_user is the caller) and
        may be async.
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
    spawn_form_limit = traitlets.Integer(
        10 * 1024 * 1024,
        min=1024,
        help="""Maximum size of a spawn form submission in bytes, uploaded files included. Applies when the
        spawner has a form; other requests are limited to 1 MiB, those without authentication to 32 KiB.
        """,
    ).tag(config=True)
    implicit_spawn_seconds = traitlets.Float(
        0,
        min=0,
        help="""Seconds after which a browser that opens a stopped server is redirected to the page that
        starts it; 0 to disable. Servers whose last start failed are not started this way.
        """,
    ).tag(config=True)
    init_spawners_timeout = traitlets.Float(
        10,
        min=-1,
        help="""Seconds that a starting hub waits for the first check of the servers that already run, before
        it restores their routes and users reach it. Servers that were not checked by then are checked in
        the background. 0 to not wait, -1 for no limit.
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
