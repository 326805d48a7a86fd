"""Settings of hub processes: database, files, cooperation and shutdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

import traitlets


class ProcessSettings(traitlets.HasTraits):
    """Settings that `JupyterHub` inherits."""

    db_url = traitlets.Unicode(
        "sqlite:///jupyterhub.sqlite",
        help="""Database URL: sqlite:///file, sqlite:///:memory: for a trial, or postgresql://…. A path
        without sqlite:/// is that of a SQLite file.
        """,
    ).tag(config=True)
    db_kwargs = traitlets.Dict(help="Additional keyword arguments for sqlalchemy.create_engine.").tag(
        config=True
    )
    debug_db = traitlets.Bool(
        False, help="Log every SQL statement, without its parameters, which may be secret."
    ).tag(config=True)
    reset_db = traitlets.Bool(
        False,
        help="""Delete everything in the database at startup: users, tokens, groups, shares and the record of
        running servers. The hub asks first, unless answer_yes or ``-y`` is set, and keeps a copy of a SQLite
        file. Use the command-line option --reset-db: in a config file, each start would ask again.
        """,
    ).tag(config=True)
    upgrade_db = traitlets.Bool(False, help="Upgrade the database schema at startup.").tag(config=True)
    host_name = traitlets.Unicode(
        "",
        help="""Name of this machine among those whose hubs share the database; empty for the system's host
        name. Servers and other resources that are tied to a machine are managed only by hubs with its name.
        Must be unique for each machine and each container that runs a hub: a hub on another machine with a
        name in use refuses to start.
        """,
    ).tag(config=True)
    answer_yes = traitlets.Bool(
        False, help="Answer yes to every question of the command line, such as whether to replace a file."
    ).tag(config=True)
    runtime_dir = traitlets.Unicode(
        ".plughub", help="Directory for sockets, logs and generated files; created with mode 0700."
    ).tag(config=True)
    pid_file = traitlets.Unicode("", help="File to which the hub writes its process ID.").tag(config=True)
    lease_seconds = traitlets.Float(
        10,
        min=1,
        help="""Seconds without a heartbeat after which other hub processes take over the work of a hub
        process.
        """,
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

    @traitlets.validate("db_url")
    def _accept_path(self, proposal: Mapping[str, str]) -> str:
        """Accept the path of a SQLite file, as JupyterHub does, but no other word: it may be a mistake."""
        url = proposal["value"]
        is_path = ":" not in url and ("/" in url or bool(PurePath(url).suffix))
        return f"sqlite:///{url}" if is_path else url
