"""Note when servers will be stopped, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "91c4be7a20d3"
down_revision = "2b7e40d9c1f6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("plughub_servers", sa.Column("ends_at", sa.Float))
    op.add_column("plughub_servers", sa.Column("stop_at", sa.Float))
    reason = sa.Column("stop_reason", sa.Unicode(255), nullable=False, server_default="")
    op.add_column("plughub_servers", reason)


def downgrade() -> None:
    """Drop the columns."""
    for column in ("stop_reason", "stop_at", "ends_at"):
        op.drop_column("plughub_servers", column)
