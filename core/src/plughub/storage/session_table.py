"""Table of login sessions."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, Table, Unicode

from plughub.storage.tables import metadata

sessions = Table(
    "plughub_sessions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("hashed", Unicode(64), nullable=False),
    Column("user_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("session_id", Unicode(255), nullable=False),
    Column("plugin", Unicode(255), nullable=False, default=""),
    Column("created", Float, nullable=False),
    Column("authenticated_at", Float, nullable=False),
    Column("seen", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("agent", Unicode(255), nullable=False, default=""),
    Column("address", Unicode(255), nullable=False, default=""),
    Column("taken_over", Boolean, nullable=False, default=False),
    Column("ended", Boolean, nullable=False, default=False),
)
Index("uq_plughub_sessions_hashed", sessions.c.hashed, unique=True)
Index("ix_plughub_sessions_user_id", sessions.c.user_id, sessions.c.seen)
Index("ix_plughub_sessions_expires", sessions.c.expires)
