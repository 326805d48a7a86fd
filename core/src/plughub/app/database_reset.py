"""Reset of the database at the start of a hub: ``JupyterHub.reset_db``."""

from __future__ import annotations

import logging
from pathlib import Path

from plughub.app.config import JupyterHub
from plughub.app.login_links import caller
from plughub.app.questions import is_confirmed
from plughub.domain.audit import AuditEntry
from plughub.domain.clock import utcnow
from plughub.domain.errors import StartError
from plughub.storage.reset import DatabaseContents, reset_schema

log = logging.getLogger("plughub")


def reset_database(hub: JupyterHub) -> None:
    """Delete everything in the database, if the administrator agrees.

    Raises:
        StartError: the administrator does not agree, or the database cannot be reset.
    """

    def confirm(contents: DatabaseContents) -> None:
        if not is_confirmed(hub, f"Delete everything in {_described(contents)}?"):
            raise StartError(
                f"the database was not reset: {_described(contents)}",
                hint="answer yes on a terminal, or add -y; without reset_db, the hub keeps the database",
            )

    def entries(copy: Path | None) -> list[AuditEntry]:
        detail = {"by": caller(), **({"copy": str(copy)} if copy else {})}
        return [AuditEntry(at=utcnow(), kind="reset-database", detail=detail)] if hub.audit_days else []

    done = reset_schema(hub.db_url, hub.db_kwargs, confirm, entries)
    if done is not None:
        contents, copy = done
        where = f"; a copy is in {copy}" if copy else ""
        log.warning("everything was deleted by %s in %s%s", caller(), _described(contents), where)


def _described(contents: DatabaseContents) -> str:
    servers = f"; {contents.servers} servers run on without a hub" if contents.servers else ""
    return f"{contents.shown} ({contents.users} users{servers})"
