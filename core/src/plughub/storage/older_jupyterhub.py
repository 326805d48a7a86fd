"""Upgrade of databases of older JupyterHubs, by JupyterHub 6 and for what its migrations omit."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections import defaultdict
from typing import Final

from sqlalchemy import Connection, inspect, select, text

from plughub.domain.errors import StartError
from plughub.domain.roles import ADMIN_ROLE, DEFAULT_ROLES
from plughub.storage.database import driver_url
from plughub.storage.store import Transaction
from plughub.storage.tables import metadata, users

JUPYTERHUB_6: Final = "f460b0348206"
OLDER: Final = frozenset(
    {
        *("19c0846f6344", "ff1860e38070", "eeb276e51423", "3ec6993fe20c", "af4cbdb2d13c"),  # 0.5 to 0.8
        *("99a28a4418e1", "56cc5a70207e", "1cebaf56856c", "896818069c98", "4dc2d5a8c53c"),  # 0.9 to 1.5
        *("d68c98b66cd4", "be8ecf03ddac", "833da8570507", "651f5419b74d"),  # to 3
        *("0eee8c825d24", "3c2384c5aae1", "afd65840b69e", "4621fec11365"),  # to 5
    }
)
"""Revisions of JupyterHub before 6."""
_UPGRADE: Final = """
import importlib.util, sys
from alembic import command
from alembic.config import Config
folder = importlib.util.find_spec("jupyterhub").submodule_search_locations[0]
config = Config(f"{folder}/alembic.ini")
config.set_main_option("script_location", f"{folder}/alembic".replace("%", "%%"))
config.set_main_option("sqlalchemy.url", sys.stdin.readline().strip().replace("%", "%%"))
command.upgrade(config, sys.argv[1])
"""
"""What ``jupyterhub.dbutil.upgrade`` does, but in one process, and without a file that has the URL in it."""
_REASON: Final = re.compile(r"^[\w.]+Error: .{1,300}", re.MULTILINE)
JUPYTERHUB_2: Final = "833da8570507"
_JUPYTERHUB_3: Final = "651f5419b74d"
_OF_TOKENS: Final = "SELECT id, NULL FROM api_tokens"
_OF_CLIENTS: Final = """
    SELECT oauth_clients.id, 'access:servers!server=' || users.name || '/' || spawners.name FROM oauth_clients
    JOIN spawners ON spawners.oauth_client_id = oauth_clients.identifier
    JOIN users ON users.id = spawners.user_id
    UNION ALL SELECT oauth_clients.id, 'access:services!service=' || services.name FROM oauth_clients
    JOIN services ON services.oauth_client_id = oauth_clients.identifier
"""
_HOLDERS: Final = (
    ("api_token", "scopes", _OF_TOKENS),
    ("oauth_client", "allowed_scopes", _OF_CLIENTS),
)
"""Former holders of roles, the column for their scopes, and a query for their implicit scopes."""


def require_jupyterhub(revision: str) -> None:
    """Refuse to begin if the migrations of JupyterHub are needed and not installed.

    Args:
        revision: revision of the database.

    Raises:
        StartError: JupyterHub is not installed beside the hub.
    """
    if importlib.util.find_spec("jupyterhub") is None:
        raise StartError(
            f"the database comes from an older JupyterHub (schema {revision})",
            hint="pip install 'jupyterhub>=6,<7' beside plughub, which has the steps up to JupyterHub 6; "
            "then run again: hub upgrade-db",
        )


def upgrade_to_jupyterhub_6(url: str) -> None:
    """Run the migrations of the JupyterHub that is installed beside the hub.

    Args:
        url: SQLAlchemy URL.

    Raises:
        StartError: the migrations failed.
    """
    done = subprocess.run(  # noqa: S603 - this Python; the URL may hold a password and goes by standard input
        [sys.executable, "-c", _UPGRADE, JUPYTERHUB_6],
        input=driver_url(url).render_as_string(hide_password=False),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = next(iter(_REASON.findall(done.stderr)), f"exit code {done.returncode}")
        raise StartError(
            f"jupyterhub could not upgrade the database to the schema of JupyterHub 6: {reason}",
            hint="restore the copy of the database; jupyterhub 6 must be installed beside plughub",
        )


def give_scopes(connection: Connection) -> None:
    """Convert the roles of tokens and OAuth clients into scopes, as JupyterHub 3 did.

    The migration of JupyterHub 6 reads columns that later migrations add, and fails if a server has ever run.
    This function also completes an interrupted migration.

    Args:
        connection: connection to a database of JupyterHub 2.
    """
    _add_column(connection, "oauth_codes", "scopes")
    roles = _scopes_of_roles(connection)
    for holder, column, own in _HOLDERS:
        _add_column(connection, f"{holder}s", column)
        scopes: defaultdict[int, set[str]] = defaultdict(set)
        if inspect(connection).has_table(f"{holder}_role_map"):
            held = text(f"SELECT {holder}_id, role_id FROM {holder}_role_map")  # noqa: S608 - fixed names
            for key, role in connection.execute(held):
                scopes[key] |= roles[role]
        for key, scope in connection.execute(text(own)):
            scopes[key] |= {scope} - {None}
        new = text(f"UPDATE {holder}s SET {column} = :scopes WHERE id = :id AND {column} IS NULL")  # noqa: S608
        for key, granted in scopes.items():
            connection.execute(new, {"scopes": json.dumps(sorted(granted)), "id": key})
    for table in ("api_token_role_map", "oauth_client_role_map", "oauth_code_role_map"):
        connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    connection.execute(text("UPDATE alembic_version SET version_num = :new"), {"new": _JUPYTERHUB_3})


def _add_column(connection: Connection, table: str, column: str) -> None:
    if column not in {known["name"] for known in inspect(connection).get_columns(table)}:
        connection.execute(text(f"ALTER TABLE {table} ADD COLUMN {column} TEXT"))


def _scopes_of_roles(connection: Connection) -> dict[int, set[str]]:
    """Return the scopes of each role; the scope ``all`` of versions before 2.3 becomes ``inherit``."""
    found = {}
    for role in connection.execute(text("SELECT id, scopes FROM roles")):
        scopes = set(json.loads(role.scopes or "[]"))
        found[role.id] = {"inherit" if scope == "all" else scope for scope in scopes}
        if "all" in scopes:
            new = {"scopes": json.dumps(sorted(found[role.id])), "id": role.id}
            connection.execute(text("UPDATE roles SET scopes = :scopes WHERE id = :id"), new)
    return found


def add_missing_tables(connection: Connection) -> frozenset[str]:
    """Create the tables that JupyterHub creates at its start instead of in its migrations.

    Args:
        connection: connection to a database with the schema of JupyterHub 6.

    Returns:
        Names of the tables that were missing.
    """
    known = set(inspect(connection).get_table_names())
    missing = [
        table
        for table in metadata.sorted_tables
        if not table.name.startswith("plughub_") and table.name not in known
    ]
    metadata.create_all(connection, tables=missing)
    return frozenset(table.name for table in missing)


def give_roles(connection: Connection) -> None:
    """Grant admins the admin role, because JupyterHub 1 and older had only a flag.

    Args:
        connection: connection to a database whose schema is up to date.
    """
    roles = Transaction(connection).roles
    roles.add_missing(DEFAULT_ROLES)
    roles.grant(ADMIN_ROLE, "user", connection.scalars(select(users.c.name).where(users.c.admin)).all())
