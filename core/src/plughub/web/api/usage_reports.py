"""Usage accounting: sums by user, group, backend or profile, and single runs, as JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from plughub.domain.clock import isoformat, utcnow
from plughub.domain.errors import InvalidError, NotFoundError
from plughub.domain.names import shorten
from plughub.domain.timings import USAGE_PERIOD_SECONDS
from plughub.domain.usage import HOUR, Run, UsageKey, UsageQuery, UsageSum
from plughub.web.api.activity import parse_time
from plughub.web.api.base import APIHandler
from plughub.web.api.pagination import page_of
from plughub.web.authorization import list_coverage, lists
from plughub.web.base import BaseHandler
from plughub.web.bodies import TEXT
from plughub.web.description import PAGE, call

SCOPE: Final = "read:usage"
_PERIOD: Final = {
    "since": TEXT,
    "until": TEXT,
    "user": TEXT,
    "backend": TEXT,
    "profile": TEXT,
    "format": TEXT,
}
_SUMS: Final = ("runs", "hours", "cpu_hours", "memory_gib_hours")
_RUNS: Final = (
    "id", "user", "server", "groups", "backend", "profile", "requested", "started", "ended", "outcome",
    "hours", "cpus", "memory",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class UsageReportHandler(APIHandler):
    """``/hub/api/usage``."""

    @call(errors=(404,), query={"by": TEXT, **_PERIOD})
    @lists(SCOPE, kinds=("user", "group"))
    async def get(self) -> None:
        """Sum the hours that servers ran by user, group, backend or profile."""
        query, by = usage_query(self), usage_key(self)
        report = await self.services.usage_reports.report(query, by)
        sums = [{by.value: usage.key, **_sum(usage)} for usage in report.sums]
        if wants_csv(self):
            start_csv(self, f"usage-by-{by}", query)
            self.finish(to_csv((by.value, *_SUMS), sums))
            return
        period = {"since": _iso(query.since), "until": _iso(query.until)}
        self.answer({**period, "by": by.value, "sums": sums, "total": _sum(report.total)})


class RunsHandler(APIHandler):
    """``/hub/api/usage/runs``."""

    @call(errors=(404,), query={**_PERIOD, **PAGE})
    @lists(SCOPE, kinds=("user", "group"))
    async def get(self) -> None:
        """List the runs of servers in a period, newest first; as CSV without pages."""
        query = usage_query(self)
        if wants_csv(self):
            await self._export(query)
            return
        page = page_of(self)
        found = await self.services.usage_reports.page(query, page.offset, page.limit)
        self.answer(page.wrap(self, [run_model(run) for run in found.runs], found.total))

    async def _export(self, query: UsageQuery) -> None:
        start_csv(self, "runs", query)
        self.write(to_csv(_RUNS, ()))
        async for runs in self.services.usage_reports.export(query):
            self.write(to_csv(_RUNS, (run_row(run) for run in runs), header=False))
            await self.flush()
        await self.finish()


def usage_query(handler: BaseHandler) -> UsageQuery:
    """Return the period and the filters of a request, limited to what its principal may see.

    Raises:
        InvalidError: a time is invalid.
        NotFoundError: the hub keeps no usage.
    """
    if not handler.services.settings.usage_days:
        raise NotFoundError("this hub keeps no usage", detail="JupyterHub.usage_days is 0")
    argument = handler.get_query_argument
    until = parse_time(argument("until")) if argument("until", "") else utcnow()
    since = (
        parse_time(argument("since"))
        if argument("since", "")
        else until - timedelta(seconds=USAGE_PERIOD_SECONDS)
    )
    if since >= until:
        raise InvalidError("since must be before until")
    return UsageQuery(
        since=since.timestamp(),
        until=until.timestamp(),
        user=argument("user", ""),
        backend=argument("backend", ""),
        profile=argument("profile", ""),
        within=list_coverage(handler, SCOPE),
    )


def usage_key(handler: BaseHandler) -> UsageKey:
    """Return what the request wants to sum by.

    Raises:
        InvalidError: it is unknown.
    """
    text = handler.get_query_argument("by", UsageKey.USER.value)
    try:
        return UsageKey(text)
    except ValueError as error:
        known = ", ".join(UsageKey)
        raise InvalidError(f"by must be one of {known}, not {shorten(text)}") from error


def wants_csv(handler: BaseHandler) -> bool:
    """Return whether a request asks for CSV.

    Raises:
        InvalidError: it asks for another format.
    """
    wanted = handler.get_query_argument("format", "json")
    if wanted not in {"json", "csv"}:
        raise InvalidError(f"format must be json or csv, not {shorten(wanted)}")
    return wanted == "csv"


def start_csv(handler: BaseHandler, name: str, query: UsageQuery) -> None:
    """Set the headers of a CSV file, named after its content and period."""
    days = "-to-".join(f"{moment(at):%Y-%m-%d}" for at in (query.since, query.until))
    handler.set_header("Content-Type", "text/csv; charset=utf-8")
    handler.set_header("Content-Disposition", f'attachment; filename="{name}-{days}.csv"')


def to_csv(columns: Sequence[str], rows: Iterable[dict[str, Any]], *, header: bool = True) -> str:
    """Format rows as CSV; cells that a spreadsheet would read as formulas begin with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in columns])
    return text.getvalue()


def run_model(run: Run) -> dict[str, Any]:
    """Return a run as JSON."""
    hours = None if run.started is None else ((run.ended or utcnow().timestamp()) - run.started) / HOUR
    return {
        "id": run.id,
        "user": run.user,
        "server": run.server,
        "groups": list(run.groups),
        "backend": run.backend,
        "profile": run.profile,
        "requested": _iso(run.requested),
        "started": _iso(run.started),
        "ended": _iso(run.ended),
        "outcome": run.outcome.value or None,
        "hours": None if hours is None else round(max(hours, 0.0), 4),
        "cpus": run.cpus,
        "memory": run.memory,
    }


def run_row(run: Run) -> dict[str, Any]:
    """Return a run as a row of CSV."""
    return {**run_model(run), "groups": " ".join(run.groups)}


def _sum(usage: UsageSum) -> dict[str, Any]:
    return {
        "runs": usage.runs,
        "hours": round(usage.hours, 4),
        "cpu_hours": round(usage.cpu_hours, 4),
        "memory_gib_hours": round(usage.memory_hours, 4),
    }


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def moment(at: float) -> datetime:
    """Return a time from seconds since the epoch."""
    return datetime.fromtimestamp(at, UTC)


def _iso(at: float | None) -> str | None:
    return None if at is None else isoformat(moment(at))
