"""Add the tables of plughub; servers that run are taken over, and every user has a default server."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "a1f0c3d2e401"
down_revision = "f460b0348206"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "plughub_servers",
        sa.Column("spawner_id", sa.Integer, nullable=False),
        sa.Column("backend", sa.Unicode(255), nullable=False),
        sa.Column("host", sa.Unicode(255), nullable=False),
        sa.Column("desired", sa.Unicode(16), nullable=False),
        sa.Column("status", sa.Unicode(16), nullable=False),
        sa.Column("launch", sa.Unicode(32), nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("unknown", sa.Unicode(1023), nullable=False),
        sa.PrimaryKeyConstraint("spawner_id", name="pk_plughub_servers"),
        sa.ForeignKeyConstraint(
            ["spawner_id"], ["spawners.id"], name="fk_plughub_servers_spawner_id_spawners", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_plughub_servers_status", "plughub_servers", ["status"])
    _add_operations()
    _add_identities()
    op.create_table(
        "plughub_hubs",
        sa.Column("id", sa.Unicode(32), nullable=False),
        sa.Column("host", sa.Unicode(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("birth", sa.Float, nullable=False),
        sa.Column("url", sa.Unicode(2047), nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("seen", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plughub_hubs"),
    )
    op.create_table(
        "plughub_leases",
        sa.Column("name", sa.Unicode(255), nullable=False),
        sa.Column("holder", sa.Unicode(32), nullable=False),
        sa.Column("lease_until", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_plughub_leases"),
    )
    op.create_table(
        "plughub_changes",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("topic", sa.Unicode(32), nullable=False),
        sa.Column("key", sa.Unicode(255), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plughub_changes"),
    )
    op.create_index("ix_plughub_changes_at", "plughub_changes", ["at"])
    op.create_table(
        "plughub_login_links",
        sa.Column("hashed", sa.Unicode(255), nullable=False),
        sa.Column("username", sa.Unicode(255), nullable=False),
        sa.Column("admin", sa.Boolean, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("hashed", name="pk_plughub_login_links"),
    )
    op.create_table(
        "plughub_settings",
        sa.Column("name", sa.Unicode(255), nullable=False),
        sa.Column("value", sa.Text),
        sa.PrimaryKeyConstraint("name", name="pk_plughub_settings"),
    )
    # JupyterHub stores the default server of a user at her first visit only
    op.execute(
        "INSERT INTO spawners (user_id, name) SELECT id, '' FROM users "
        "WHERE NOT EXISTS (SELECT 1 FROM spawners WHERE spawners.user_id = users.id AND spawners.name = '')"
    )
    op.execute(
        "INSERT INTO plughub_servers (spawner_id, backend, host, desired, status, launch, unknown) "
        "SELECT id, '', '', 'running', 'running', '', '' FROM spawners WHERE server_id IS NOT NULL"
    )


def _add_operations() -> None:
    op.create_table(
        "plughub_operations",
        sa.Column("id", sa.Unicode(32), nullable=False),
        sa.Column("spawner_id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.Unicode(16), nullable=False),
        sa.Column("phase", sa.Unicode(16), nullable=False),
        sa.Column("backend", sa.Unicode(255), nullable=False),
        sa.Column("host", sa.Unicode(255), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("phase_since", sa.Float, nullable=False),
        sa.Column("finished", sa.Float),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("cancelled", sa.Boolean, nullable=False),
        sa.Column("now", sa.Boolean, nullable=False),
        sa.Column("remove", sa.Boolean, nullable=False),
        sa.Column("requested_by", sa.Unicode(255), nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("progress", sa.Text),
        sa.Column("holder", sa.Unicode(32), nullable=False),
        sa.Column("lease_until", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plughub_operations"),
        sa.ForeignKeyConstraint(
            ["spawner_id"],
            ["spawners.id"],
            name="fk_plughub_operations_spawner_id_spawners",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_plughub_operations_user_id_users", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_plughub_operations_open", "plughub_operations", ["finished", "created"])
    op.create_index(
        "uq_plughub_operations_one_at_a_time",
        "plughub_operations",
        ["spawner_id"],
        unique=True,
        sqlite_where=sa.text("finished IS NULL"),
        postgresql_where=sa.text("finished IS NULL"),
    )


def _add_identities() -> None:
    op.create_table(
        "plughub_identities",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("plugin", sa.Unicode(255), nullable=False),
        sa.Column("subject", sa.Unicode(255), nullable=False),
        sa.Column("refreshed", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plughub_identities"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_plughub_identities_user_id_users", ondelete="CASCADE"
        ),
    )
    op.create_index("uq_plughub_identities_subject", "plughub_identities", ["plugin", "subject"], unique=True)


def downgrade() -> None:
    """Take the tables away; the tables of JupyterHub are as it left them."""
    for table in (
        "operations",
        "servers",
        "identities",
        "hubs",
        "leases",
        "changes",
        "login_links",
        "settings",
    ):
        op.drop_table(f"plughub_{table}")
    op.execute("UPDATE spawners SET server_id = NULL WHERE server_id NOT IN (SELECT id FROM servers)")
