"""Note the profile with which a server was started."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2b7e40d9c1f6"
down_revision = "3d7a90c4e1b8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("plughub_servers", sa.Column("profile", sa.Unicode(255), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("plughub_servers", "profile")
