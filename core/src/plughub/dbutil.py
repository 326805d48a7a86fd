"""Public functions for the schema of the hub's database, and commands for administrators.

::

    from plughub.dbutil import upgrade_if_needed

    upgrade_if_needed("sqlite:///jupyterhub.sqlite", log=logging.getLogger("site"))

They do what ``hub upgrade-db`` does. The hub itself does not import this module.

``python -m plughub.dbutil shell`` opens Python with a session of `plughub.orm`, and ``… alembic ARGUMENTS``
runs alembic, both with the database of the config file.
"""

from __future__ import annotations

import argparse
import code
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from traitlets import TraitError

from plughub.app.config import JupyterHub
from plughub.app.config_files import bad_value, load_config
from plughub.domain.errors import HubError, StartError, exit_code_of
from plughub.storage.database_users import refuse_running_hub
from plughub.storage.schema import require_database, schema_state, schema_work, sqlite_path

DatabaseError = StartError
"""Error of these functions; its ``hint`` says what to do."""

_READING: Final = frozenset({"branches", "check", "current", "heads", "history", "show"})
"""Commands of alembic that change no database."""

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m plughub.dbutil shell`` or ``python -m plughub.dbutil alembic ARGUMENTS``.

    Args:
        arguments: of the command; None for those of this process.

    Returns:
        The exit code, as that of ``hub``.
    """
    parser = argparse.ArgumentParser(
        prog="python -m plughub.dbutil", description="Open the database of a hub, in the folder of the hub."
    )
    parser.add_argument("-f", "--config", metavar="FILE", help="config file; jupyterhub_config.py by default")
    parser.add_argument("--db", metavar="URL", help="database; that of the config file by default")
    commands = parser.add_subparsers(title="commands", required=True, dest="command")
    commands.add_parser("shell", help="open Python with a session of plughub.orm")
    alembic = commands.add_parser("alembic", help="run alembic", add_help=False)
    alembic.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    try:
        hub = JupyterHub(
            config=load_config(options.config, {"JupyterHub": {"db_url": options.db} if options.db else {}})
        )
        if options.command == "shell":
            _run_shell(hub)
        else:
            _run_alembic(hub, options.arguments)
    except (TraitError, HubError) as error:
        shown = bad_value(error) if isinstance(error, TraitError) else error
        print(f"dbutil: {shown}\ndbutil: {shown.hint}".removesuffix("\ndbutil: "), file=sys.stderr)
        return exit_code_of(shown)
    return 0


def _run_shell(hub: JupyterHub) -> None:
    from plughub import orm  # noqa: PLC0415 - loads the ORM, which the functions do not need

    with orm.new_session_factory(hub.db_url, **hub.db_kwargs)() as db:
        names = {name: getattr(orm, name) for name in orm.__all__}
        banner = f"db is a session of {db.get_bind().engine.url!r}; db.commit() stores changes.\n"
        code.interact(f"{banner}Classes: {', '.join(orm.__all__)}", local={"db": db, "orm": orm, **names})


def _run_alembic(hub: JupyterHub, arguments: Sequence[str]) -> None:
    """Run alembic; one that changes the database only after a copy, and while no hub uses it."""
    from alembic.config import CommandLine  # noqa: PLC0415 - loads alembic, seldom used

    from plughub.storage.backup import back_up  # noqa: PLC0415 - likewise
    from plughub.storage.upgrade import alembic_config  # noqa: PLC0415 - likewise

    line = CommandLine(prog="python -m plughub.dbutil alembic")
    options = line.parser.parse_args(arguments)
    if not hasattr(options, "cmd"):
        line.parser.error("a command is missing")
    url, kwargs = hub.db_url, hub.db_kwargs
    require_database(url)
    if options.cmd[0].__name__ not in _READING and not getattr(options, "sql", False):
        with schema_work(url, kwargs) as connection:
            refuse_running_hub(connection, sqlite_path(url), then="run this command again")
        if copy := back_up(url):
            print(f"the database was copied to {copy}", file=sys.stderr)
    with schema_work(url, kwargs) as connection:
        config = alembic_config(connection)
        config.cmd_opts = options
        line.run_cmd(config, options)


if __name__ == "__main__":
    sys.exit(main())
