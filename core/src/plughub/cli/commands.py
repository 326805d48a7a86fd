"""``hub token``, ``hub upgrade-db``, ``hub plugins``, and the commands of plugins."""

from __future__ import annotations

import argparse
import difflib
import json
import sys

from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.hub import starter
from plughub.app.installed import describe_plugins
from plughub.app.plugins import plugin_commands, plugin_names
from plughub.domain.audit import AuditEntry
from plughub.domain.clock import utcnow
from plughub.domain.errors import StartError
from plughub.domain.names import check_username, normalize_username
from plughub.domain.roles import TOKEN_ROLE
from plughub.domain.tokens import new_token
from plughub.services.ports.store import Transaction
from plughub.services.processes.preparation import prepare
from plughub.services.tokens.role_scopes import scopes_of_role
from plughub.services.tokens.tokens import store_token
from plughub.storage.database import Database
from plughub.storage.schema import prepare_schema, schema_state
from plughub.storage.store import Transaction as StoredTransaction


def make_token(options: argparse.Namespace, config: Config) -> int:
    """Print a new API token of a user; a user who is not stored yet is stored.

    Args:
        options: of the command line.
        config: the configuration.

    Returns:
        The exit code.
    """
    hub = JupyterHub(config=config)
    name = check_username(normalize_username(starter() if options.name is None else options.name))
    prepare_schema(hub.db_url, hub.db_kwargs)
    text = new_token()

    def work(tx: Transaction) -> bool:
        prepare(tx)
        known = tx.users.get(name)
        user = known or tx.users.create(name)
        made = store_token(
            tx, text, user_id=user.id, note="made with hub token", scopes=scopes_of_role(tx, TOKEN_ROLE)
        )
        if hub.audit_days:
            detail = {"token": f"a{made.id}", "note": made.note, "by": starter()}
            tx.audit.add([AuditEntry(at=utcnow(), kind="token-created", user=name, detail=detail)])
        return known is None

    database = Database(hub.db_url, hub.db_kwargs)
    try:
        new = database.run(lambda connection: work(StoredTransaction(connection)))
    finally:
        database.close()
    if new:
        print(f"hub: there was no user {name!r} yet: the name is stored", file=sys.stderr)
    print(text)
    return 0


def upgrade_database(_options: argparse.Namespace, config: Config) -> int:
    """Bring the schema of the database up to date.

    Args:
        _options: of the command line.
        config: the configuration.

    Returns:
        The exit code.
    """
    hub = JupyterHub(config=config)
    before = schema_state(hub.db_url, hub.db_kwargs)
    if before.current:
        print(f"the database is up to date ({before.head})")
        return 0
    from plughub.storage.upgrading import upgrade_schema  # noqa: PLC0415 - loads alembic, seldom used

    copy = upgrade_schema(hub.db_url, hub.db_kwargs)
    if copy is not None:
        print(f"the database was copied to {copy}")
    print(f"the database was upgraded from {before.revision or 'nothing'} to {before.head}")
    return 0


def list_plugins(options: argparse.Namespace, config: Config) -> int:
    """List the plugins that are installed.

    Args:
        options: of the command line.
        config: the configuration.

    Returns:
        The exit code.
    """
    rows = describe_plugins(plugin_names(options.plugins, JupyterHub(config=config)))
    if options.json:
        print(json.dumps(rows, indent=2))
        return 0
    if not rows:
        raise StartError("no plugin is installed", hint="pip install plughub-localprocess plughub-haproxy")
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        print(f"{row['name']:{width}}  {row['distribution']} {row['version']}  {row['status']}")
    return 0


def run_plugin_command(options: argparse.Namespace, config: Config) -> int:
    """Run a command that an active plugin adds.

    Args:
        options: of the command line, with the command and its arguments.
        config: the configuration.

    Returns:
        The exit code.

    Raises:
        StartError: no active plugin has such a command.
    """
    names = plugin_names(options.plugins, JupyterHub(config=config))
    commands = plugin_commands(config, names)
    if options.command not in commands:
        known = ["token", "upgrade-db", "plugins", *commands]
        near = difflib.get_close_matches(options.command, known, n=1)
        raise StartError(
            f"there is no command {options.command!r}",
            hint=f"did you mean {near[0]!r}?" if near else f"commands: {', '.join(known)}",
            exit_code=2,
        )
    return commands[options.command].run(options.arguments)
