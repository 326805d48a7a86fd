"""Note which spawners a hub process has, why an operation has to wait, and when a start has its turn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "b3c1a97f5d20"
down_revision = "a1f0c3d2e401"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is not known stays empty."""
    op.add_column("plughub_hubs", sa.Column("backends", sa.Text))
    op.add_column("plughub_operations", sa.Column("trouble", sa.Unicode(1023)))
    op.add_column("plughub_operations", sa.Column("turn", sa.Integer))
