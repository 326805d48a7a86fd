"""The audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from plughub.domain.audit import AuditEntry, AuditQuery
from plughub.domain.clock import isoformat
from plughub.domain.errors import NotFoundError
from plughub.web.api.activity import parse_time
from plughub.web.api.base import APIHandler
from plughub.web.api.pagination import page_of
from plughub.web.authorization import requires
from plughub.web.bodies import TEXT
from plughub.web.description import PAGE, call


class AuditHandler(APIHandler):
    """``/hub/api/audit``: actor, action, target, time, address and token of recorded actions."""

    @call(
        errors=(404,), query={"user": TEXT, "actor": TEXT, "kind": TEXT, "since": TEXT, "until": TEXT, **PAGE}
    )
    @requires("read:audit")
    async def get(self) -> None:
        """List entries of the audit trail, newest first."""
        trail = self.context.audit
        if trail is None:
            raise NotFoundError("this hub keeps no audit trail", detail="JupyterHub.audit_days is 0")
        page = page_of(self)
        query = AuditQuery(
            user=self.get_query_argument("user", ""),
            actor=self.get_query_argument("actor", ""),
            kind=self.get_query_argument("kind", ""),
            since=self._time("since"),
            until=self._time("until"),
        )
        found = await trail.page(query, page.offset, page.limit)
        self.answer(page.wrap(self, [entry_model(entry) for entry in found.entries], found.total))

    def _time(self, name: str) -> datetime | None:
        text = self.get_query_argument(name, "")
        return parse_time(text) if text else None


def entry_model(entry: AuditEntry) -> dict[str, Any]:
    """Return the model of an entry."""
    return {
        "id": entry.id,
        "at": isoformat(entry.at),
        "kind": entry.kind,
        "actor": entry.actor,
        "user": entry.user,
        "server": entry.server,
        "remote_ip": entry.remote_ip,
        "token_id": entry.token_id or None,
        "detail": dict(entry.detail),
    }
