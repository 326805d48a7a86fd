"""Upgrade of the schema of a database. The only module that needs alembic."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import alembic.command
import alembic.config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from plughub.domain.errors import StartError
from plughub.storage.backup import back_up
from plughub.storage.database_users import refuse_running_hub
from plughub.storage.older_jupyterhub import (
    JUPYTERHUB_2,
    OLDER,
    add_missing_tables,
    give_roles,
    give_scopes,
    require_jupyterhub,
    upgrade_to_jupyterhub_6,
)
from plughub.storage.schema import make_schema, schema_work, sqlite_path, state_of

_OF_CONNECTIONS: Final = ("connect_args", "creator")
"""Arguments of an engine that determine the database connection."""


def upgrade_schema(url: str, options: Mapping[str, Any] | None = None) -> Path | None:
    """Upgrade the schema, after a copy of a SQLite file.

    Args:
        url: SQLAlchemy URL.
        options: more arguments of `sqlalchemy.create_engine`.

    Returns:
        The path of the copy, if one was made.

    Raises:
        StartError: the database is unreachable, or comes from a version that cannot be upgraded.
    """
    with schema_work(url, options) as connection:
        state = state_of(connection)
        if state.current:
            return None
        if state.revision is None:
            make_schema(connection)
            return None
        config = alembic_config(connection)
        _check_known(state.revision, config)
        _check_arguments(state.revision, options or {})
        refuse_running_hub(connection, sqlite_path(url), then="run again: hub upgrade-db")
    copy = back_up(url)
    if state.revision in OLDER:
        _finish_jupyterhub(url, options)
    with schema_work(url, options) as connection:
        missing = add_missing_tables(connection)
        alembic.command.upgrade(alembic_config(connection), "head")
        if "user_role_map" in missing:
            give_roles(connection)
    return copy


def _finish_jupyterhub(url: str, options: Mapping[str, Any] | None) -> None:
    """Upgrade the database of an older JupyterHub to JupyterHub 6."""
    with schema_work(url, options) as connection:
        if state_of(connection).revision == JUPYTERHUB_2:
            give_scopes(connection)
    # The migrations use their own connection. With SQLite they need its lock; with PostgreSQL we keep ours.
    with contextlib.nullcontext() if sqlite_path(url) else schema_work(url, options) as turn:
        if turn is None or state_of(turn).revision in OLDER:
            upgrade_to_jupyterhub_6(url)


def _check_known(revision: str, config: alembic.config.Config) -> None:
    """Refuse a schema from which the installed migrations do not lead to ours."""
    if revision in OLDER:
        require_jupyterhub(revision)
        return
    try:
        ScriptDirectory.from_config(config).get_revision(revision)
    except CommandError as error:
        raise StartError(
            f"the database has schema {revision}, which this hub does not know",
            hint="it comes from a newer hub: run that version, or restore a copy from before its upgrade",
        ) from error


def _check_arguments(revision: str, options: Mapping[str, Any]) -> None:
    """Refuse connection arguments, which JupyterHub's own migrations do not use."""
    lost = [name for name in _OF_CONNECTIONS if options.get(name)]
    if revision in OLDER and lost:
        raise StartError(
            f"JupyterHub.db_kwargs has {' and '.join(lost)}, which the migrations of an older JupyterHub "
            f"(schema {revision}) do not use: they get JupyterHub.db_url only",
            hint="for this upgrade, put the arguments into the URL, such as …/hub?sslmode=require",
        )


def alembic_config(connection: Connection) -> alembic.config.Config:
    """Return the configuration of alembic for a connection."""
    config = alembic.config.Config()
    config.set_main_option("script_location", "plughub.storage:migrations")
    config.attributes["connection"] = connection
    return config
