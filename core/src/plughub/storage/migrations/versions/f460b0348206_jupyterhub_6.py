"""The schema of JupyterHub 6, where ours begins; JupyterHub itself made it."""

from __future__ import annotations

revision = "f460b0348206"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do nothing: a database at this revision comes from JupyterHub."""


def downgrade() -> None:
    """Do nothing."""
