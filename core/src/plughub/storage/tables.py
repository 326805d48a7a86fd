"""Tables of JupyterHub, unchanged so that its databases can be adopted, and the hub's own tables.

The own tables begin with ``plughub_``. The tables of JupyterHub get nothing but additional indexes.

Source: the schema of JupyterHub 6 (alembic revision f460b0348206).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Unicode,
    event,
)

from plughub.storage.columns import JSONObject, JSONText, UTCDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key() -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=True)


def _owned_by(table: str, column: str = "", **options: Any) -> Column[int]:
    name = column or f"{table.removesuffix('s')}_id"
    return Column(name, Integer, ForeignKey(f"{table}.id", ondelete="CASCADE"), **options)


def unique_index_where(name: str, column: Column[Any], condition: ColumnElement[bool]) -> None:
    """Add a unique index of the rows that fulfil a condition.

    Args:
        name: name of the index.
        column: the column.
        condition: condition on columns of the same table.
    """
    index = Index(name, column, unique=True, sqlite_where=condition)

    def complete(_metadata: MetaData, connection: Connection, **_options: Any) -> None:
        if connection.dialect.name == "postgresql":
            index.dialect_options["postgresql"]["where"] = condition

    # An option of PostgreSQL loads its dialect: 3 MB that hubs with SQLite do not need.
    event.listen(metadata, "before_create", complete)


servers = Table(
    "servers",
    metadata,
    _key(),
    Column("proto", Unicode(15)),
    Column("ip", Unicode(255)),
    Column("port", Integer),
    Column("base_url", Unicode(255)),
    Column("cookie_name", Unicode(255)),
)

roles = Table(
    "roles",
    metadata,
    _key(),
    Column("name", Unicode(255), unique=True),
    Column("description", Unicode(1023)),
    Column("scopes", JSONText),
    Column("managed_by_auth", Boolean, nullable=False, default=False),
)

groups = Table(
    "groups",
    metadata,
    _key(),
    Column("name", Unicode(255), unique=True),
    Column("properties", JSONObject),
)

users = Table(
    "users",
    metadata,
    _key(),
    Column("name", Unicode(255), unique=True),
    Column("user_info", JSONObject),
    Column("admin", Boolean, default=False),
    Column("created", UTCDateTime),
    Column("last_activity", UTCDateTime),
    Column("cookie_id", Unicode(255), nullable=False, unique=True),
    Column("state", JSONObject),
    Column("encrypted_auth_state", LargeBinary),
)

oauth_clients = Table(
    "oauth_clients",
    metadata,
    _key(),
    Column("identifier", Unicode(255), unique=True),
    Column("description", Unicode(1023)),
    Column("secret", Unicode(255)),
    Column("redirect_uri", Unicode(1023)),
    Column("allowed_scopes", JSONText),
)


def _role_map(owner: str) -> Table:
    return Table(
        f"{owner}_role_map",
        metadata,
        _owned_by(f"{owner}s", primary_key=True),
        _owned_by("roles", primary_key=True),
        Column("managed_by_auth", Boolean, nullable=False, default=False),
    )


user_role_map = _role_map("user")
group_role_map = _role_map("group")
service_role_map = _role_map("service")

user_group_map = Table(
    "user_group_map",
    metadata,
    _owned_by("users", primary_key=True),
    _owned_by("groups", primary_key=True),
)

_CLIENT = "oauth_clients.identifier"

spawners = Table(
    "spawners",
    metadata,
    _key(),
    _owned_by("users"),
    Column("server_id", Integer, ForeignKey("servers.id", ondelete="SET NULL")),
    Column("state", JSONObject),
    Column("name", Unicode(255)),
    Column("display_name", Unicode(255)),
    Column("started", UTCDateTime),
    Column("last_activity", UTCDateTime),
    Column("user_options", JSONObject),
    Column("oauth_client_id", Unicode(255), ForeignKey(_CLIENT, ondelete="SET NULL")),
)

services = Table(
    "services",
    metadata,
    _key(),
    Column("name", Unicode(255), unique=True),
    Column("admin", Boolean, default=False),
    Column("url", Unicode(2047)),
    Column("oauth_client_allowed_scopes", JSONText),
    Column("info", JSONObject),
    Column("display", Boolean),
    Column("oauth_no_confirm", Boolean),
    Column("command", JSONText),
    Column("cwd", Unicode(4095)),
    Column("environment", JSONText),
    Column("user", Unicode(255)),
    Column("timeout", Integer, nullable=False, default=30),
    Column("from_config", Boolean, default=True),
    Column("_server_id", Integer, ForeignKey("servers.id", ondelete="SET NULL")),
    Column("pid", Integer),
    Column("oauth_client_id", Unicode(255), ForeignKey(_CLIENT, ondelete="SET NULL")),
)

oauth_codes = Table(
    "oauth_codes",
    metadata,
    _key(),
    Column("client_id", Unicode(255), ForeignKey(_CLIENT, ondelete="CASCADE")),
    Column("code", Unicode(36)),
    Column("expires_at", Integer),
    Column("redirect_uri", Unicode(1023)),
    Column("session_id", Unicode(255)),
    _owned_by("users"),
    Column("scopes", JSONText),
    Column("code_challenge", Unicode(255)),
    Column("code_challenge_method", Unicode(64)),
)

shares = Table(
    "shares",
    metadata,
    _owned_by("users"),
    _owned_by("groups"),
    _key(),
    Column("created_at", UTCDateTime, nullable=False),
    Column("scopes", JSONText),
    Column("expires_at", UTCDateTime),
    _owned_by("users", "owner_id"),
    _owned_by("spawners"),
)

share_codes = Table(
    "share_codes",
    metadata,
    Column("hashed", Unicode(255), unique=True),
    Column("prefix", Unicode(16), index=True),
    Column("exchange_count", Integer),
    Column("last_exchanged_at", UTCDateTime),
    _key(),
    Column("created_at", UTCDateTime, nullable=False),
    Column("scopes", JSONText),
    Column("expires_at", UTCDateTime),
    _owned_by("users", "owner_id"),
    _owned_by("spawners"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    _owned_by("users"),
    _owned_by("services"),
    _key(),
    Column("hashed", Unicode(255), unique=True),
    Column("prefix", Unicode(16), index=True),
    Column("client_id", Unicode(255), ForeignKey(_CLIENT, ondelete="CASCADE")),
    Column("session_id", Unicode(255)),
    Column("created", UTCDateTime),
    Column("expires_at", UTCDateTime),
    Column("last_activity", UTCDateTime),
    Column("note", Unicode(1023)),
    Column("scopes", JSONText),
)

# ------------------------------------------------------------------------------------------ our own

server_life = Table(
    "plughub_servers",
    metadata,
    _owned_by("spawners", primary_key=True),
    Column("backend", Unicode(255), nullable=False, default=""),
    Column("host", Unicode(255), nullable=False, default=""),
    Column("desired", Unicode(16), nullable=False, default="stopped"),
    Column("status", Unicode(16), nullable=False, default="stopped", index=True),
    Column("launch", Unicode(32), nullable=False, default=""),
    Column("failure", JSONText),
    Column("unknown", Unicode(1023), nullable=False, default=""),
    Column("unreachable", Unicode(1023), nullable=False, default="", server_default=""),
    Column("profile", Unicode(255), nullable=False, default="", server_default=""),
    Column("ends_at", Float),
    Column("stop_at", Float),
    Column("stop_reason", Unicode(255), nullable=False, default="", server_default=""),
)

operations = Table(
    "plughub_operations",
    metadata,
    Column("id", Unicode(32), primary_key=True),
    _owned_by("spawners", nullable=False),
    _owned_by("users", nullable=False),
    Column("kind", Unicode(16), nullable=False),
    Column("phase", Unicode(16), nullable=False),
    Column("backend", Unicode(255), nullable=False),
    Column("host", Unicode(255), nullable=False, default=""),
    Column("created", Float, nullable=False),
    Column("phase_since", Float, nullable=False),
    Column("finished", Float),
    Column("attempts", Integer, nullable=False, default=0),
    Column("cancelled", Boolean, nullable=False, default=False),
    Column("now", Boolean, nullable=False, default=False),
    Column("remove", Boolean, nullable=False, default=False),
    Column("requested_by", Unicode(255), nullable=False, default=""),
    Column("failure", JSONText),
    Column("progress", JSONText),
    Column("holder", Unicode(32), nullable=False, default=""),
    Column("lease_until", Float, nullable=False, default=0),
    Column("trouble", Unicode(1023)),
    Column("turn", Integer),
    Column("options_before", JSONText),
    Column("posted", JSONObject),
)
unique_index_where(
    "uq_plughub_operations_one_at_a_time", operations.c.spawner_id, operations.c.finished.is_(None)
)
Index("ix_plughub_operations_open", operations.c.finished, operations.c.created)

identities = Table(
    "plughub_identities",
    metadata,
    _key(),
    _owned_by("users", nullable=False),
    Column("plugin", Unicode(255), nullable=False),
    Column("subject", Unicode(255), nullable=False),
    Column("refreshed", Float, nullable=False, default=0),
    Column("name", Unicode(255), nullable=False, server_default=""),
)
Index("uq_plughub_identities_subject", identities.c.plugin, identities.c.subject, unique=True)
Index("ix_plughub_identities_name", identities.c.name)

admissions = Table(
    "plughub_admissions",
    metadata,
    _owned_by("users", primary_key=True),
    Column("plugin", Unicode(255), primary_key=True),
)

pending_deletions = Table(
    "plughub_departures",
    metadata,
    _owned_by("users", primary_key=True),
    Column("holder", Unicode(32), nullable=False),
    Column("requested_by", Unicode(255), nullable=False, default=""),
    Column("since", Float, nullable=False),
)

hubs = Table(
    "plughub_hubs",
    metadata,
    Column("id", Unicode(32), primary_key=True),
    Column("host", Unicode(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("birth", Float, nullable=False),
    Column("url", Unicode(2047), nullable=False, default=""),
    Column("started", Float, nullable=False),
    Column("seen", Float, nullable=False),
    Column("backends", JSONText),
    Column("space", Unicode(255)),
)

leases = Table(
    "plughub_leases",
    metadata,
    Column("name", Unicode(255), primary_key=True),
    Column("holder", Unicode(32), nullable=False),
    Column("lease_until", Float, nullable=False),
)

changes = Table(
    "plughub_changes",
    metadata,
    _key(),
    Column("at", Float, nullable=False, index=True),
    Column("topic", Unicode(32), nullable=False),
    Column("key", Unicode(255), nullable=False),
)

login_links = Table(
    "plughub_login_links",
    metadata,
    Column("hashed", Unicode(255), primary_key=True),
    Column("username", Unicode(255), nullable=False),
    Column("admin", Boolean, nullable=False, default=False),
    Column("expires_at", Float, nullable=False),
)

login_attempts = Table(
    "plughub_login_tries",
    metadata,
    Column("key", Unicode(64), primary_key=True),
    Column("count", Float, nullable=False),
    Column("at", Float, nullable=False, index=True),
    Column("until", Float, nullable=False),
    Column("turn", Boolean, nullable=False),
    Column("known", Float, nullable=False),
)

service_lives = Table(
    "plughub_services",
    metadata,
    Column("name", Unicode(255), primary_key=True),
    Column("host", Unicode(255), nullable=False, default=""),
    Column("launch", Unicode(32), nullable=False, default=""),
    Column("digest", Unicode(64), nullable=False, default=""),
    Column("pid", Integer),
    Column("started", Unicode(255), nullable=False, default=""),
    Column("since", Float, nullable=False, default=0),
    Column("answers", Boolean),
    Column("routed", Boolean, nullable=False, default=False),
)

settings = Table(
    "plughub_settings",
    metadata,
    Column("name", Unicode(255), primary_key=True),
    Column("value", JSONText),
)

# --------- indexes of foreign keys: a deletion looks for the rows that refer to the deleted one

for _table in metadata.sorted_tables:
    for _column in (key.parent for key in _table.foreign_keys):
        if _column is not _table.primary_key.columns[0]:
            Index(f"ix_plughub_{_table.name.removeprefix('plughub_')}_{_column.name}", _column)
Index("ix_plughub_users_last_activity", users.c.last_activity)
