"""Table of the audit log, without foreign keys so that entries outlive the records that they mention."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Unicode

from plughub.storage.columns import JSONText, UTCDateTime
from plughub.storage.tables import metadata

audit = Table(
    "plughub_audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", UTCDateTime, nullable=False, index=True),
    Column("kind", Unicode(64), nullable=False),
    Column("actor", Unicode(255), nullable=False, default=""),
    Column("username", Unicode(255), nullable=False, default=""),
    Column("server", Unicode(255)),
    Column("remote_ip", Unicode(255), nullable=False, default=""),
    Column("token_id", Unicode(255), nullable=False, default=""),
    Column("detail", JSONText),
)
for _name in ("kind", "actor", "username"):
    Index(f"ix_plughub_audit_{_name}", audit.c[_name], audit.c.id)
