"""Audit of reading the logs of servers."""

from __future__ import annotations

from typing import Final

from plughub.domain.servers import ServerRecord
from plughub.web.base import BaseHandler

READ_LOGS: Final = "read-logs"
"""Entry of the audit trail for reading the log of another user's server."""


def note_reader(handler: BaseHandler, server: ServerRecord) -> None:
    """Record in the audit trail that a log is read by others than the server's owner, once in ten minutes."""
    reader = handler.visitor
    if reader.is_user and reader.name == server.user:
        return
    if handler.services.logs.begins_reading(reader.qualified_name, server):
        handler.emit_event(READ_LOGS, server.user, server.name)
