"""Count wrong passwords."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5e1c9b7d20a4"
down_revision = "5c9e17a2d4b8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "plughub_login_tries",
        sa.Column("key", sa.Unicode(64), nullable=False),
        sa.Column("count", sa.Float, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("until", sa.Float, nullable=False),
        sa.Column("turn", sa.Boolean, nullable=False),
        sa.Column("known", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_plughub_login_tries"),
    )
    op.create_index("ix_plughub_login_tries_at", "plughub_login_tries", ["at"])
