"""Note what a starting server has sent to the hub for its spawner."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "9b41d7e2c6f0"
down_revision = "8d2f4a6c1e90"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("plughub_operations", sa.Column("posted", sa.Text()))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("plughub_operations", "posted")
