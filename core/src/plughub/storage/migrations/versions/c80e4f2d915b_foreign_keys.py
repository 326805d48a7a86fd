"""Index every foreign key: a deletion looks for the rows that refer to the deleted one."""

from __future__ import annotations

from alembic import op

revision = "c80e4f2d915b"
down_revision = "91c4be7a20d3"
branch_labels = None
depends_on = None

INDEXED = {
    "user_role_map": ("role_id",),
    "group_role_map": ("role_id",),
    "service_role_map": ("role_id",),
    "services": ("_server_id", "oauth_client_id"),
    "oauth_codes": ("client_id", "user_id"),
    "api_tokens": ("service_id",),
    "plughub_identities": ("user_id",),
    "plughub_operations": ("user_id", "spawner_id"),
}


def upgrade() -> None:
    """Add the indexes."""
    for table, columns in INDEXED.items():
        for column in columns:
            op.create_index(_name(table, column), table, [column], if_not_exists=True)


def downgrade() -> None:
    """Drop the indexes."""
    for table, columns in INDEXED.items():
        for column in columns:
            op.drop_index(_name(table, column), table, if_exists=True)


def _name(table: str, column: str) -> str:
    return f"ix_plughub_{table.removeprefix('plughub_')}_{column}"
