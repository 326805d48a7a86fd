"""Note by which name an authenticator knows a person: after a rename the user has another one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4c9e6b1f7a35"
down_revision = "0a7d3f5b91ce"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a subject that is the name of its user is the name, others stay unknown."""
    op.add_column("plughub_identities", sa.Column("name", sa.Unicode(255), nullable=False, server_default=""))
    op.create_index("ix_plughub_identities_name", "plughub_identities", ["name"])
    op.execute(
        "UPDATE plughub_identities SET name = subject WHERE subject = "
        "(SELECT users.name FROM users WHERE users.id = plughub_identities.user_id)"
    )
