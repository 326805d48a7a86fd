"""Creation of the schema of a database, and check of its revision."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from plughub.domain.errors import MISTAKE, RETRY, StartError
from plughub.domain.timings import SCHEMA_LOCK_SECONDS
from plughub.storage.audit_table import audit  # noqa: F401 - registers its table
from plughub.storage.database import is_in_memory, make_engine
from plughub.storage.database_errors import is_database_problem
from plughub.storage.database_settings import database_settings
from plughub.storage.run_table import runs  # noqa: F401 - likewise
from plughub.storage.session_table import sessions  # noqa: F401 - likewise
from plughub.storage.tables import metadata

HEAD: Final = "c80e4f2d915b"
"""The newest revision in `plughub.storage.migrations`, known without loading alembic."""

_WRONG_PLACE: Final = "run the command in the hub's folder, or name the hub's config file: hub -f FILE …"
_SCHEMA_LOCK: Final = 7_044_002
"""Arbitrary key of the PostgreSQL advisory lock for schema changes, the same in all processes."""
_NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "glusterfs", "fuse.glusterfs", "9p"}
)
_LASTING: Final = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_PERM")
"""SQLite: permanent errors of a file."""
_version: Final = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Copy of alembic's table, which alembic uses at an upgrade."""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Revision of the schema of a database.

    Attributes:
        revision: revision of the database; None if it is empty.
        head: newest revision known to this hub.
    """

    revision: str | None
    head: str

    @property
    def current(self) -> bool:
        """True if no upgrade is needed."""
        return self.revision == self.head


def prepare_schema(url: str, options: Mapping[str, Any] | None = None) -> None:
    """Create the schema of an empty database; refuse an outdated one.

    Raises:
        StartError: the database is unreachable, or its schema is outdated.
    """
    with schema_work(url, options) as connection:
        state = state_of(connection)
        if state.revision is None:
            make_schema(connection)
        else:
            _check_current(state)


def require_schema(url: str, options: Mapping[str, Any] | None = None) -> None:
    """Refuse an empty database or one with an outdated schema, and never create a schema.

    Raises:
        StartError: the database does not exist or is unusable.
    """
    require_database(url)
    with schema_work(url, options) as connection:
        state = state_of(connection)
    if state.revision is None:
        raise StartError(
            f"the database {_shown(url)} (JupyterHub.db_url) is empty: no hub has started with it yet",
            hint=_WRONG_PLACE,
        )
    _check_current(state)


def require_database(url: str) -> None:
    """Refuse a SQLite database whose file does not exist, probably because of a wrong folder.

    Raises:
        StartError: the file does not exist.
    """
    path = sqlite_path(url)
    if path is not None and not path.exists():
        raise StartError(
            f"there is no database {path.absolute()} (JupyterHub.db_url = {url!r})",
            hint=_WRONG_PLACE,
        )


def schema_state(url: str, options: Mapping[str, Any] | None = None) -> SchemaState:
    """Return the revision of the schema of a database.

    Raises:
        StartError: the database is unreachable.
    """
    with schema_work(url, options) as connection:
        return state_of(connection)


def state_of(connection: Connection) -> SchemaState:
    """Return the revision of the schema of an open database."""
    look = inspect(connection)
    found = connection.scalars(select(_version.c.version_num)) if look.has_table(_version.name) else ()
    revision = ", ".join(sorted(found)) or None
    if revision is None and look.has_table("users"):
        revision = "unknown"
    return SchemaState(revision, HEAD)


def _check_current(state: SchemaState) -> None:
    if not state.current:
        raise StartError(
            f"the database has schema {state.revision}, this hub needs {state.head}",
            hint="back it up, then run: hub upgrade-db",
        )


def make_schema(connection: Connection) -> None:
    """Create the newest schema in an empty database and store its revision."""
    metadata.create_all(connection)
    _version.create(connection, checkfirst=True)
    connection.execute(_version.insert().values(version_num=HEAD))


class schema_work:  # noqa: N801 - reads as a function
    """Connection for schema changes by one process at a time, with errors for administrators.

    Args:
        url: SQLAlchemy URL.
        options: more arguments of `sqlalchemy.create_engine`.

    Raises:
        StartError: the database is unreachable, or its settings are invalid.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None) -> None:
        self._url = url
        self._options = options or {}

    def __enter__(self) -> Connection:
        check_sqlite_place(self._url)
        self._engine = make_engine(self._url, self._options)
        _make_sqlite_file(self._url)
        try:
            with database_settings(self._url, self._options):
                self._open = self._engine.connect()
            self._begun = self._open.begin()
            _wait_for_turn(self._open)
        except DBAPIError as error:
            raise unreachable(self._url, error) from error
        return self._open

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if kind is None:
            self._begun.commit()
        else:
            self._begun.rollback()
        self._open.close()
        self._engine.dispose()
        if isinstance(error, DBAPIError):
            raise unreachable(self._url, error) from error


def _wait_for_turn(connection: Connection) -> None:
    """Let one process at a time change the schema; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        # The application name distinguishes waiting upgrades from programs that use the database.
        connection.exec_driver_sql("SET application_name = 'plughub schema'")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{SCHEMA_LOCK_SECONDS}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")


def check_sqlite_place(url: str) -> None:
    """Refuse a SQLite database in memory, in a missing folder or on a network file system.

    Raises:
        StartError: SQLite would not be safe there.
    """
    if is_in_memory(url):
        raise StartError(
            "the database would be in memory only, which no other process can use",
            hint="name a file, such as sqlite:///jupyterhub.sqlite (JupyterHub.db_url)",
        )
    path = sqlite_path(url)
    if path is None:
        return
    folder = path.absolute().parent
    if not folder.is_dir():
        raise StartError(
            f"the folder of the database does not exist: {folder}", hint="create it, or set db_url"
        )
    kind = _file_system(folder)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise StartError(
            f"the database would be on a network file system ({kind}): {path}",
            hint="SQLite loses data there; use a local folder, or PostgreSQL (JupyterHub.db_url)",
        )


def sqlite_path(url: str) -> Path | None:
    """Return the path of a SQLite database; None if it has no file."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    in_file = parsed.get_backend_name() == "sqlite" and not is_in_memory(url)
    return Path(str(parsed.database)) if in_file else None


def _make_sqlite_file(url: str) -> None:
    """Create a missing file that only its owner can read; SQLite would make it readable for everyone."""
    path = sqlite_path(url)
    if path is not None:
        with contextlib.suppress(OSError):  # SQLite reports the problem later
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))


def _file_system(folder: Path) -> str:
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return ""
    best, kind = "", ""
    for line in mounts.read_text(errors="replace").splitlines():
        _device, point, name, *_rest = line.split(" ")
        place = point.replace("\\040", " ")
        if folder.is_relative_to(place) and len(place) >= len(best):
            best, kind = place, name
    return kind


def shown_database(url: str) -> str:
    """Return the path of a SQLite database, or the URL of another one without its password, for messages."""
    path = sqlite_path(url)
    return str(path.absolute()) if path else _shown(url)


def _shown(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)


def unreachable(url: str, error: DBAPIError) -> StartError:
    """Return the error of an unreachable database for an administrator."""
    shown = _shown(url)
    reason = " ".join(str(error.orig).split())[:300]
    hint = "check JupyterHub.db_url"
    if (path := sqlite_path(url)) and any(words in reason for words in ("unable to open", "readonly")):
        hint = f"the user of the hub must be able to write to {path.absolute().parent} and to {path.name}"
    return StartError(
        f"the database cannot be used: {shown}: {reason}", hint=hint, exit_code=_exit_code(error)
    )


def _exit_code(error: DBAPIError) -> int:
    """Distinguish a temporarily unavailable database from a permanent error."""
    if not is_database_problem(error):
        return MISTAKE
    name = getattr(error.orig, "sqlite_errorname", None) or ""
    return MISTAKE if name.startswith(_LASTING) else RETRY
