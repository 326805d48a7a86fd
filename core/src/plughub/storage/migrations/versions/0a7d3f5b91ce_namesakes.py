"""Note where a hub process runs, so that two machines or containers of one name are told apart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0a7d3f5b91ce"
down_revision = "e93a5d0c17f4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what is not known stays empty."""
    op.add_column("plughub_hubs", sa.Column("space", sa.Unicode(255)))
