"""Store login sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5c8e1f70a2d3"
down_revision = "5e1c9b7d20a4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; cookies of before get their rows when they are used."""
    op.create_table(
        "plughub_sessions",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("hashed", sa.Unicode(64), nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("session_id", sa.Unicode(255), nullable=False),
        sa.Column("plugin", sa.Unicode(255), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("authenticated_at", sa.Float, nullable=False),
        sa.Column("seen", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
        sa.Column("agent", sa.Unicode(255), nullable=False),
        sa.Column("address", sa.Unicode(255), nullable=False),
        sa.Column("taken_over", sa.Boolean, nullable=False),
        sa.Column("ended", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plughub_sessions"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_plughub_sessions_user_id_users", ondelete="CASCADE"
        ),
    )
    op.create_index("uq_plughub_sessions_hashed", "plughub_sessions", ["hashed"], unique=True)
    op.create_index("ix_plughub_sessions_user_id", "plughub_sessions", ["user_id", "seen"])
    op.create_index("ix_plughub_sessions_expires", "plughub_sessions", ["expires"])
