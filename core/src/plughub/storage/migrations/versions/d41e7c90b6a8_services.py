"""Add what is known of services that run: which process, since when, and whether it answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d41e7c90b6a8"
down_revision = "c7d2e8a4b915"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "plughub_services",
        sa.Column("name", sa.Unicode(255), nullable=False),
        sa.Column("host", sa.Unicode(255), nullable=False),
        sa.Column("launch", sa.Unicode(32), nullable=False),
        sa.Column("digest", sa.Unicode(64), nullable=False),
        sa.Column("pid", sa.Integer),
        sa.Column("started", sa.Unicode(255), nullable=False),
        sa.Column("since", sa.Float, nullable=False),
        sa.Column("answers", sa.Boolean),
        sa.Column("routed", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_plughub_services"),
    )
