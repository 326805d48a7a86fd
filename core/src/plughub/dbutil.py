"""Public functions for the schema of the hub's database.

::

    from plughub.dbutil import upgrade_if_needed

    upgrade_if_needed("sqlite:///jupyterhub.sqlite", log=logging.getLogger("site"))

They do what ``hub upgrade-db`` does. The hub itself does not import this module.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from plughub.domain.errors import StartError
from plughub.storage.schema import schema_state, sqlite_path

DatabaseError = StartError
"""Error of these functions; its ``hint`` says what to do."""

__all__ = ["DatabaseError", "get_schema_version", "mysql_large_prefix_check", "upgrade_if_needed"]


def upgrade_if_needed(
    db_url: str,
    log: logging.Logger | logging.LoggerAdapter[Any] | None = None,
    *,
    db_kwargs: Mapping[str, Any] | None = None,
    backup: bool = True,  # noqa: ARG001 - callers of JupyterHub's function pass it
) -> None:
    """Upgrade the schema of a database, or create it in an empty one; do nothing if it is current.

    Args:
        db_url: SQLAlchemy URL.
        log: logger for what was done; that of the hub's storage by default.
        db_kwargs: more arguments of ``sqlalchemy.create_engine``.
        backup: ignored; a SQLite file is always copied before an upgrade.

    Raises:
        DatabaseError: the database is unreachable or in use by a hub, or no upgrade leads from its version.
    """
    log = log or logging.getLogger("plughub.storage")
    before = schema_state(db_url, db_kwargs)
    if before.current:
        log.debug("the database has the current schema %s", before.head)
        return
    from plughub.storage.upgrade import upgrade_schema  # noqa: PLC0415 - loads alembic, seldom used

    copy = upgrade_schema(db_url, db_kwargs)
    if copy is not None:
        log.info("the database was copied to %s before the upgrade", copy)
    log.info("the database was upgraded from %s to %s", before.revision or "nothing", before.head)


def get_schema_version(db_url: str, *, db_kwargs: Mapping[str, Any] | None = None) -> str:
    """Return the version of the schema of a database, and never create the database.

    Args:
        db_url: SQLAlchemy URL.
        db_kwargs: more arguments of ``sqlalchemy.create_engine``.

    Returns:
        The alembic revision; empty if the database is empty or its file does not exist.

    Raises:
        DatabaseError: the database is unreachable.
    """
    path = sqlite_path(db_url)
    if path is not None and not path.exists():
        return ""
    return schema_state(db_url, db_kwargs).revision or ""


def mysql_large_prefix_check(engine: Engine | str | None = None) -> bool:
    """Report that a database needs none of MySQL's settings for long indexes, or refuse MySQL.

    Args:
        engine: an engine or a URL; None for no particular database.

    Returns:
        False, as JupyterHub's function returns for SQLite and PostgreSQL.

    Raises:
        DatabaseError: it is a database of MySQL or MariaDB, which the hub does not support.
    """
    if engine is None:
        return False
    url = engine.url if isinstance(engine, Engine) else make_url(engine)
    if url.get_backend_name() in {"mysql", "mariadb"}:
        raise DatabaseError("plughub does not support MySQL", hint="use PostgreSQL or SQLite")
    return False
