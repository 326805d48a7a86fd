"""Audit trail in the administration console, and its export."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar, Final

from plughub.domain.audit import AuditEntry, AuditQuery
from plughub.domain.clock import utcnow
from plughub.domain.errors import NotFoundError
from plughub.services.observability.audit import AuditTrail
from plughub.web.api.audit import entry_model
from plughub.web.pages.admin.base import AdminPageHandler, shows_section
from plughub.web.pages.admin.list_view import requested_view
from plughub.web.pages.admin.navigation import AUDIT
from plughub.words import _

AT_ONCE: Final = 500
"""Entries of an export that are read and formatted in one turn of the event loop."""
COLUMNS: Final = ("id", "at", "kind", "actor", "user", "server", "remote_ip", "token_id", "detail")
_FILTERS: Final = ("kind", "user", "actor", "since", "until")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class _AuditHandler(AdminPageHandler):
    section = AUDIT

    @property
    def trail(self) -> AuditTrail:
        """Return the audit trail.

        Raises:
            NotFoundError: the hub keeps none.
        """
        if self.context.audit is None:
            raise NotFoundError(
                _("This hub keeps no audit trail."), detail="JupyterHub.audit_days is 0 in the configuration"
            )
        return self.context.audit

    def query(self) -> AuditQuery:
        """Return the requested filters; dates are whole days in UTC."""
        text = {name: self.text_argument(name).strip()[:255] for name in _FILTERS}
        until = _day(text["until"])
        return AuditQuery(
            kind=text["kind"],
            user=text["user"],
            actor=text["actor"],
            since=_day(text["since"]),
            until=until + timedelta(days=1) if until else None,
        )


class AuditPageHandler(_AuditHandler):
    """``/hub/admin/audit``."""

    @shows_section
    async def get(self) -> None:
        """List entries of the audit trail, newest first."""
        view = requested_view(self, filters=dict.fromkeys(_FILTERS, ""))
        found = await self.trail.page(self.query(), view.offset, view.size)
        if self.redirect_from_missing_page(view.with_total(found.total)):
            return
        await self.render_admin(
            "admin/audit.html",
            view=view.with_total(found.total),
            entries=found.entries,
            kinds=await self.trail.kinds(),
            users_url=self.admin_path("users"),
            export_url=self.admin_path("audit"),
        )


class _ExportHandler(_AuditHandler):
    """Download of all entries that match the filters, newest first.

    Attributes:
        format: ending of the file's name.
        content_type: content type.
    """

    format: ClassVar[str]
    content_type: ClassVar[str]

    def formatted(self, batches: AsyncIterator[list[AuditEntry]]) -> AsyncIterator[str]:
        """Format batches of entries."""
        raise NotImplementedError

    @shows_section
    async def get(self) -> None:
        """Send the entries as they are read."""
        trail, query = self.trail, self.query()
        self.set_header("Content-Type", self.content_type)
        name = f"audit-{utcnow():%Y-%m-%d}.{self.format}"
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.set_header("Cache-Control", "no-store")
        if self.request.method != "HEAD":
            self.emit_event("export-audit", "", format=self.format)
            async for text in self.formatted(_batches(trail, query)):
                self.write(text)
                await self.flush()
        self.finish()


async def as_csv(batches: AsyncIterator[list[AuditEntry]]) -> AsyncIterator[str]:
    """Format entries as CSV with a heading, safe to open in a spreadsheet."""
    yield ",".join(COLUMNS) + "\r\n"
    async for entries in batches:
        text = io.StringIO()
        writer = csv.writer(text)
        for entry in entries:
            model = entry_model(entry)
            detail = json.dumps(model["detail"], ensure_ascii=False, sort_keys=True)
            writer.writerow(_cell({**model, "detail": detail}[column]) for column in COLUMNS)
        yield text.getvalue()


async def as_json(batches: AsyncIterator[list[AuditEntry]]) -> AsyncIterator[str]:
    """Format entries as one JSON array."""
    begin = "["
    async for entries in batches:
        yield begin + ",\n".join(json.dumps(entry_model(entry)) for entry in entries)
        begin = ",\n"
    yield "]" if begin != "[" else "[]"


class CSVHandler(_ExportHandler):
    """``/hub/admin/audit.csv``."""

    format = "csv"
    content_type = "text/csv; charset=utf-8"

    def formatted(self, batches: AsyncIterator[list[AuditEntry]]) -> AsyncIterator[str]:
        """Format batches of entries."""
        return as_csv(batches)


class JSONHandler(_ExportHandler):
    """``/hub/admin/audit.json``."""

    format = "json"
    content_type = "application/json"

    def formatted(self, batches: AsyncIterator[list[AuditEntry]]) -> AsyncIterator[str]:
        """Format batches of entries."""
        return as_json(batches)


async def _batches(trail: AuditTrail, query: AuditQuery) -> AsyncIterator[list[AuditEntry]]:
    """Read the matching entries in batches, so that entries added meanwhile shift none."""
    while entries := await trail.newest(query, AT_ONCE):
        yield entries
        query = replace(query, before=entries[-1].id)


def _cell(value: object) -> object:
    """Return a cell that spreadsheets do not take for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _day(text: str) -> datetime | None:
    """Return the beginning of a day in UTC; None if the text is no date."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
