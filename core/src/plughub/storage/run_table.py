"""Table of the runs of servers, without foreign keys so that runs outlive their servers and users."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, Table, Unicode

from plughub.storage.columns import JSONText
from plughub.storage.tables import metadata, unique_index_where

runs = Table(
    "plughub_runs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("spawner_id", Integer, nullable=False),
    Column("user_id", Integer, index=True),
    Column("username", Unicode(255), nullable=False),
    Column("server", Unicode(255), nullable=False, default=""),
    Column("user_groups", JSONText),
    Column("backend", Unicode(255), nullable=False, default=""),
    Column("profile", Unicode(255), nullable=False, default=""),
    Column("requested", Float, nullable=False),
    Column("admitted", Float, nullable=False),
    Column("started", Float),
    Column("seen", Float, nullable=False),
    Column("ended", Float, index=True),
    Column("outcome", Unicode(16), nullable=False, default=""),
    Column("cpus", Float),
    Column("memory", BigInteger),
)
Index("ix_plughub_runs_admitted", runs.c.admitted)
Index("ix_plughub_runs_username", runs.c.username, runs.c.id)
unique_index_where("uq_plughub_runs_one_at_a_time", runs.c.spawner_id, runs.c.ended.is_(None))
