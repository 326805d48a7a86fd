"""Index what is looked up all the time and what goes along when a row is deleted."""

from __future__ import annotations

from alembic import op

revision = "f1b6c2d83e57"
down_revision = "d41e7c90b6a8"
branch_labels = None
depends_on = None

INDEXED = {
    "users": ("last_activity",),
    "user_group_map": ("group_id",),
    "spawners": ("user_id", "server_id", "oauth_client_id"),
    "api_tokens": ("user_id", "client_id"),
    "shares": ("user_id", "group_id", "owner_id", "spawner_id"),
    "share_codes": ("owner_id", "spawner_id"),
}


def upgrade() -> None:
    """Add the indexes."""
    for table, columns in INDEXED.items():
        for column in columns:
            op.create_index(f"ix_plughub_{table}_{column}", table, [column], if_not_exists=True)


def downgrade() -> None:
    """Take the indexes away; the tables of JupyterHub are as it left them."""
    for table, columns in INDEXED.items():
        for column in columns:
            op.drop_index(f"ix_plughub_{table}_{column}", table, if_exists=True)
