"""Note which options a server had before a start that brings others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "7f3a9c51e2b6"
down_revision = "5c8e1f70a2d3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; options of starts that go on already stay as they are."""
    op.add_column("plughub_operations", sa.Column("options_before", sa.Text()))
