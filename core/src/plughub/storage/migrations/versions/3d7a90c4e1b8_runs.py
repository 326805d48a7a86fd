"""Record the runs of servers."""

from __future__ import annotations

import time
from datetime import datetime

import sqlalchemy as sa
from alembic import context, op

revision = "3d7a90c4e1b8"
down_revision = "9b41d7e2c6f0"
branch_labels = None
depends_on = None
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - times in the database are in UTC, without a zone


def upgrade() -> None:
    """Add the table, with a run for each running server."""
    op.create_table(
        "plughub_runs",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("spawner_id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("username", sa.Unicode(255), nullable=False),
        sa.Column("server", sa.Unicode(255), nullable=False),
        sa.Column("user_groups", sa.Text),
        sa.Column("backend", sa.Unicode(255), nullable=False),
        sa.Column("profile", sa.Unicode(255), nullable=False),
        sa.Column("requested", sa.Float, nullable=False),
        sa.Column("admitted", sa.Float, nullable=False),
        sa.Column("started", sa.Float),
        sa.Column("seen", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
        sa.Column("outcome", sa.Unicode(16), nullable=False),
        sa.Column("cpus", sa.Float),
        sa.Column("memory", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_plughub_runs"),
    )
    for name, columns in {
        "user_id": ["user_id"],
        "ended": ["ended"],
        "admitted": ["admitted"],
        "username": ["username", "id"],
    }.items():
        op.create_index(f"ix_plughub_runs_{name}", "plughub_runs", columns)
    op.create_index(
        "uq_plughub_runs_one_at_a_time",
        "plughub_runs",
        ["spawner_id"],
        unique=True,
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    )
    if not context.is_offline_mode():  # which prints statements and reads nothing
        _add_running()


def _add_running() -> None:
    """Add a run for each server that runs, since its start as far as that is known."""
    names = sa.table("users", sa.column("id"), sa.column("name"))
    spawners = sa.table(
        "spawners",
        sa.column("id"),
        sa.column("user_id"),
        sa.column("name"),
        sa.column("started", sa.DateTime),
    )
    lives = sa.table("plughub_servers", sa.column("spawner_id"), sa.column("backend"), sa.column("status"))
    runs = sa.table(
        "plughub_runs",
        *(
            sa.column(name)
            for name in ("spawner_id", "user_id", "username", "server", "user_groups", "backend", "profile")
        ),
        *(sa.column(name) for name in ("requested", "admitted", "started", "seen", "outcome")),
    )
    running = (
        sa.select(
            spawners.c.id,
            spawners.c.user_id,
            names.c.name,
            spawners.c.name,
            spawners.c.started,
            lives.c.backend,
        )
        .join(lives, lives.c.spawner_id == spawners.c.id)
        .join(names, names.c.id == spawners.c.user_id)
        .where(lives.c.status == "running")
    )
    now = time.time()
    for key, user_id, user, server, started, backend in op.get_bind().execute(running).all():
        since = now if started is None else (started - _EPOCH).total_seconds()
        op.execute(
            runs.insert().values(
                spawner_id=key,
                user_id=user_id,
                username=user,
                server=server or "",
                user_groups="[]",
                backend=backend or "",
                profile="",
                requested=since,
                admitted=since,
                started=since,
                seen=now,
                outcome="",
            )
        )
