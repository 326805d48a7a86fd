"""Note why a server that runs has no route."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5c9e17a2d4b8"
down_revision = "4c9e6b1f7a35"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; all servers that run are taken for reachable until the next poll."""
    op.add_column(
        "plughub_servers", sa.Column("unreachable", sa.Unicode(1023), nullable=False, server_default="")
    )
