"""Keep an audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "e93a5d0c17f4"
down_revision = "f1b6c2d83e57"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "plughub_audit",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("kind", sa.Unicode(64), nullable=False),
        sa.Column("actor", sa.Unicode(255), nullable=False),
        sa.Column("username", sa.Unicode(255), nullable=False),
        sa.Column("server", sa.Unicode(255)),
        sa.Column("remote_ip", sa.Unicode(255), nullable=False),
        sa.Column("token_id", sa.Unicode(255), nullable=False),
        sa.Column("detail", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_plughub_audit"),
    )
    op.create_index("ix_plughub_audit_at", "plughub_audit", ["at"])
    for column in ("kind", "actor", "username"):
        op.create_index(f"ix_plughub_audit_{column}", "plughub_audit", [column, "id"])
