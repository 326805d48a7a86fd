"""Bringing the schema of a database up to date. Only who does that needs alembic."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
from alembic.util import CommandError
from sqlalchemy import Connection

from plughub.domain.errors import StartError
from plughub.storage.schema import make_schema, schema_work, sqlite_path, state_of


def upgrade_schema(url: str, options: Mapping[str, Any] | None = None) -> Path | None:
    """Bring the schema up to date; a SQLite file is copied first.

    Args:
        url: SQLAlchemy URL.
        options: further arguments of `sqlalchemy.create_engine`.

    Returns:
        The copy, when one was made.

    Raises:
        StartError: the database cannot be reached, or comes from a version that cannot be upgraded.
    """
    with schema_work(url, options) as connection:
        state = state_of(connection)
    if state.current:
        return None
    copy = _back_up(url) if state.revision else None
    with schema_work(url, options) as connection:
        if state.revision is None:
            make_schema(connection)
            return None
        try:
            alembic.command.upgrade(alembic_config(connection), "head")
        except CommandError as error:
            raise StartError(
                f"the database has schema {state.revision}, which this hub does not know",
                hint="upgrade it to JupyterHub 6 first (jupyterhub upgrade-db), then run: hub upgrade-db",
            ) from error
    return copy


def alembic_config(connection: Connection) -> alembic.config.Config:
    """Tell alembic where the revisions are.

    Args:
        connection: to the database that it works on.

    Returns:
        What its commands want.
    """
    config = alembic.config.Config()
    config.set_main_option("script_location", "plughub.storage:migrations")
    config.attributes["connection"] = connection
    return config


def _back_up(url: str) -> Path | None:
    path = sqlite_path(url)
    if path is None or not path.exists():
        return None
    moment = datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    copy = path.with_name(f"{path.name}.{moment}")
    with schema_work(url, None) as connection:
        connection.exec_driver_sql("SELECT 1")  # holds other writers off while the file is copied
        shutil.copy2(path, copy)
    return copy
