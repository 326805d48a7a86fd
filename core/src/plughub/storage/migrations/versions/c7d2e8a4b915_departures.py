"""Note which users are being deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "c7d2e8a4b915"
down_revision = "b3c1a97f5d20"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "plughub_departures",
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("holder", sa.Unicode(32), nullable=False),
        sa.Column("requested_by", sa.Unicode(255), nullable=False),
        sa.Column("since", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_plughub_departures"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_plughub_departures_user_id_users", ondelete="CASCADE"
        ),
    )
