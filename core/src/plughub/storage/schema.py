"""The schema of a database: making it, and checking whether it is up to date."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from plughub.domain.errors import MISTAKE, RETRY, StartError
from plughub.storage.audit_table import audit  # noqa: F401 - a table of its own
from plughub.storage.database import make_engine
from plughub.storage.database_errors import is_trouble
from plughub.storage.database_settings import database_settings
from plughub.storage.session_table import sessions  # noqa: F401 - likewise
from plughub.storage.tables import metadata

HEAD: Final = "8d2f4a6c1e90"
"""The newest revision in `plughub.storage.migrations`, known without loading alembic."""

TURN_SECONDS: Final = 60
_WRONG_PLACE: Final = "run the command in the hub's folder, or name the hub's config file: hub -f FILE …"
_SCHEMA_LOCK: Final = 7_044_002
"""Any number, the same in all processes: PostgreSQL's name for the lock around work on the schema."""
_NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "glusterfs", "fuse.glusterfs", "9p"}
)
_LASTING: Final = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_PERM")
"""What SQLite says of a file that waiting does not mend."""
_version: Final = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""As alembic makes it, which reads and writes it at an upgrade."""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """How far the schema of a database is.

    Attributes:
        revision: of the database; None for an empty one.
        head: the newest that this hub knows.
    """

    revision: str | None
    head: str

    @property
    def current(self) -> bool:
        """Whether nothing is to be done."""
        return self.revision == self.head


def prepare_schema(url: str, options: Mapping[str, Any] | None = None) -> None:
    """Make the schema of an empty database; refuse one that is out of date.

    Args:
        url: SQLAlchemy URL.
        options: further arguments of `sqlalchemy.create_engine`.

    Raises:
        StartError: the database cannot be reached, or its schema is out of date.
    """
    with schema_work(url, options) as connection:
        state = state_of(connection)
        if state.revision is None:
            make_schema(connection)
        else:
            _check_current(state)


def require_schema(url: str, options: Mapping[str, Any] | None = None) -> None:
    """Refuse a database that no hub has made, or whose schema is out of date; never make one.

    Args:
        url: SQLAlchemy URL.
        options: further arguments of `sqlalchemy.create_engine`.

    Raises:
        StartError: there is no such database, or it cannot be used as it is.
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
    """Refuse a SQLite database whose file does not exist: it was looked for in the wrong place.

    Args:
        url: SQLAlchemy URL.

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
    """Look how far the schema of a database is.

    Args:
        url: SQLAlchemy URL.
        options: further arguments of `sqlalchemy.create_engine`.

    Returns:
        The state.

    Raises:
        StartError: the database cannot be reached.
    """
    with schema_work(url, options) as connection:
        return state_of(connection)


def state_of(connection: Connection) -> SchemaState:
    """Look how far the schema of an open database is.

    Args:
        connection: to it.

    Returns:
        The state.
    """
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
    """Make the newest schema in an empty database, and note which one it is.

    Args:
        connection: to the database.
    """
    metadata.create_all(connection)
    _version.create(connection, checkfirst=True)
    connection.execute(_version.insert().values(version_num=HEAD))


class schema_work:  # noqa: N801 - reads as a function
    """A connection for work on the schema, for one process at a time, with errors that a person understands.

    Args:
        url: SQLAlchemy URL.
        options: further arguments of `sqlalchemy.create_engine`.

    Raises:
        StartError: the database cannot be reached, or its settings are wrong.
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
            raise _unreachable(self._url, error) from error
        return self._open

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if kind is None:
            self._begun.commit()
        else:
            self._begun.rollback()
        self._open.close()
        self._engine.dispose()
        if isinstance(error, DBAPIError):
            raise _unreachable(self._url, error) from error


def _wait_for_turn(connection: Connection) -> None:
    """Let one process at a time work on the schema; SQLite sees to that itself."""
    if connection.dialect.name == "postgresql":
        # By this name others who wait for their turn are told from programs that use the database.
        connection.exec_driver_sql("SET application_name = 'plughub schema'")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{TURN_SECONDS}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")


def check_sqlite_place(url: str) -> None:
    """Refuse SQLite without a file, or with one whose folder is missing or lies on a network file system.

    Args:
        url: SQLAlchemy URL.

    Raises:
        StartError: SQLite would not be safe there.
    """
    path = sqlite_path(url)
    if path is None:
        if _is_sqlite(url):
            raise StartError(
                "the database would be in memory only, and each connection would have its own",
                hint="name a file, such as sqlite:///jupyterhub.sqlite (JupyterHub.db_url)",
            )
        return
    folder = path.absolute().parent
    if not folder.is_dir():
        raise StartError(
            f"the folder of the database does not exist: {folder}", hint="make it, or set db_url"
        )
    kind = _file_system(folder)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise StartError(
            f"the database would lie on a network file system ({kind}): {path}",
            hint="SQLite loses data there; use a local folder, or PostgreSQL (JupyterHub.db_url)",
        )


def sqlite_path(url: str) -> Path | None:
    """Find the file of a SQLite database.

    Args:
        url: SQLAlchemy URL.

    Returns:
        Its path, None when it has none.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    in_file = parsed.get_backend_name() == "sqlite" and parsed.database not in {None, "", ":memory:"}
    return Path(str(parsed.database)) if in_file else None


def _is_sqlite(url: str) -> bool:
    try:
        return make_url(url).get_backend_name() == "sqlite"
    except (ArgumentError, ValueError):
        return False


def _make_sqlite_file(url: str) -> None:
    """Make a missing file open to nobody else; SQLite itself would let everybody read it."""
    path = sqlite_path(url)
    if path is not None:
        with contextlib.suppress(OSError):  # SQLite says what is wrong
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


def _shown(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)


def _unreachable(url: str, error: DBAPIError) -> StartError:
    shown = _shown(url)
    reason = " ".join(str(error.orig).split())[:300]
    hint = "check JupyterHub.db_url"
    if (path := sqlite_path(url)) and any(words in reason for words in ("unable to open", "readonly")):
        hint = f"who starts the hub has to be able to write in {path.absolute().parent} and to {path.name}"
    return StartError(
        f"the database cannot be used: {shown}: {reason}", hint=hint, exit_code=_exit_code(error)
    )


def _exit_code(error: DBAPIError) -> int:
    """Tell a database that is away, busy or full, which may be back later, from one that is wrong."""
    if not is_trouble(error):
        return MISTAKE
    name = getattr(error.orig, "sqlite_errorname", None) or ""
    return MISTAKE if name.startswith(_LASTING) else RETRY
