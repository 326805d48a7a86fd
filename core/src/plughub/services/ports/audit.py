"""What the services ask of the storage about the audit trail."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from plughub.domain.audit import AuditEntry, AuditQuery


class Audit(Protocol):
    """The audit trail."""

    def add(self, entries: Collection[AuditEntry]) -> None:
        """Store lines."""

    def page(self, query: AuditQuery, offset: int, limit: int) -> list[AuditEntry]:
        """List a page of lines, the newest first."""

    def count(self, query: AuditQuery) -> int:
        """Count the lines of all pages."""

    def purge(self, before: datetime) -> int:
        """Forget what is older; answers how many lines."""
