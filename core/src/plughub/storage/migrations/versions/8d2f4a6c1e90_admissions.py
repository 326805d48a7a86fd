"""Note which users administrators added, and by which authenticators they may log in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "8d2f4a6c1e90"
down_revision = "7f3a9c51e2b6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "plughub_admissions",
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("plugin", sa.Unicode(255), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "plugin", name="pk_plughub_admissions"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_plughub_admissions_user_id_users", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("plughub_admissions")
