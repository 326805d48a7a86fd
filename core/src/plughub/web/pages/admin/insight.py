"""Pages of the console that report on the hub: activity, usage, health, plugins and the announcement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from plughub.domain.activity_charts import Span
from plughub.domain.clock import utcnow
from plughub.domain.errors import UnavailableError
from plughub.domain.findings import Finding, Severity
from plughub.domain.hub_processes import HubStatus
from plughub.domain.usage import UsageKey, UsageQuery, UsageReport, UsageSum
from plughub.domain.words import Text, _, ngettext
from plughub.services.observability.metrics import HookTimes
from plughub.web.authorization import list_coverage
from plughub.web.languages import in_groups, translated
from plughub.web.pages.admin.base import AdminPageHandler, shows_section
from plughub.web.pages.admin.charts import activity_charts, number_table
from plughub.web.pages.admin.navigation import ACTIVITY, ANNOUNCEMENT, HEALTH, PLUGINS, USAGE
from plughub.web.pages.machine_meters import machine_row

_LABELS: Final = (
    _("Users with a running server"),
    _("Servers"),
    _("Starts"),
    _("All"),
    _("Failed"),
    _("Time from request to ready server"),
    _("Median"),
    _("Slowest 5 %"),
    _("Longest wait in the queue"),
)
MAX_ROWS: Final = 100
_KEYS: Final = {
    UsageKey.USER: _("User"),
    UsageKey.GROUP: _("Group"),
    UsageKey.BACKEND: _("Backend"),
    UsageKey.PROFILE: _("Profile"),
}


class ActivityHandler(AdminPageHandler):
    """``/hub/admin/activity``: charts of the last day or week."""

    section = ACTIVITY

    @shows_section
    async def get(self) -> None:
        """Show charts."""
        wanted = self.text_argument("span")
        span = Span(wanted) if wanted in set(Span) else Span.DAY
        buckets = await self.services.usage_reports.activity(span)
        charts = activity_charts(buckets, span, [translated(label) for label in _LABELS])
        headings, rows = number_table(charts)
        await self.render_admin(
            "admin/activity.html",
            span=span.value,
            charts=charts,
            headings=headings,
            rows=rows,
            keeps_usage=bool(self.services.settings.usage_days),
        )


class UsageHandler(AdminPageHandler):
    """``/hub/admin/usage``: sums of a period, with links to files."""

    section = USAGE

    @shows_section
    async def get(self) -> None:
        """Show the sums of a period."""
        by = (
            UsageKey(self.text_argument("by")) if self.text_argument("by") in set(UsageKey) else UsageKey.USER
        )
        since, until = self._period()
        query = UsageQuery(
            since=since.timestamp(),
            until=until.timestamp(),
            within=list_coverage(self, "read:usage"),
        )
        keeps = bool(self.services.settings.usage_days)
        report = await self.services.usage_reports.report(query, by) if keeps else UsageReport()
        period = urlencode({"since": since.date().isoformat(), "until": until.date().isoformat()})
        last = until - timedelta(days=1)
        await self.render_admin(
            "admin/usage.html",
            by=by.value,
            keys={key.value: label for key, label in _KEYS.items()},
            since=since.date().isoformat(),
            until=last.date().isoformat(),
            sums=[_usage_row(usage) for usage in report.sums[:MAX_ROWS]],
            hidden=max(len(report.sums) - MAX_ROWS, 0),
            total=_usage_row(report.total),
            longest=f"{max((usage.hours for usage in report.sums), default=0) or 1:.3f}",
            sums_csv=f"{self.hub_path('api', 'usage')}?format=csv&by={by}&{period}",
            runs_csv=f"{self.hub_path('api', 'usage', 'runs')}?format=csv&{period}",
            keeps_usage=keeps,
        )

    def _period(self) -> tuple[datetime, datetime]:
        """Return the requested days; those of the last month if they are missing or invalid."""
        midnight = utcnow().replace(hour=0, minute=0, second=0, microsecond=0)
        until = self._day("until") or midnight
        since = self._day("since") or until - timedelta(days=29)
        end = max(since, until) + timedelta(days=1)
        return min(since, until), end

    def _day(self, name: str) -> datetime | None:
        try:
            return datetime.fromisoformat(self.text_argument(name)[:10]).replace(tzinfo=UTC)
        except ValueError:
            return None


class HealthHandler(AdminPageHandler):
    """``/hub/admin/health``: findings, hub processes and machines."""

    section = HEALTH

    @shows_section
    async def get(self) -> None:
        """Show what is wrong with the hub."""
        report = await self.services.monitor.report()
        try:
            health = await self.context.health()
            hubs, problem = health.hubs, ""
        except UnavailableError as error:
            hubs, problem = (), error.message
        await self.render_admin(
            "admin/health.html",
            findings=[_finding_row(finding) for finding in report.findings],
            machines=[machine_row(machine) for machine in report.machines],
            hubs=[_hub_row(hub) for hub in hubs],
            this_hub=self.services.settings.hub_id,
            problem=problem,
        )


class PluginsHandler(AdminPageHandler):
    """``/hub/admin/plugins``: plugins with their versions and the times of their hooks."""

    section = PLUGINS

    @shows_section
    async def get(self) -> None:
        """Show the active plugins."""
        names = self.services.hooks.caller.plugins.names
        rows = plugin_rows(names, self.context.versions, self.context.metrics.hook_times())
        settings = self.services.settings
        await self.render_admin(
            "admin/plugins.html",
            plugins=rows,
            host=settings.host,
            roles={
                **{name: _("Spawner") for name in settings.spawners},
                **{name: _("Authenticator") for name in settings.authenticators},
                settings.proxy: _("Proxy"),
            },
        )


class AnnouncementPageHandler(AdminPageHandler):
    """``/hub/admin/announcement``: form of the announcement."""

    section = ANNOUNCEMENT

    @shows_section
    async def get(self) -> None:
        """Show the announcement and its form."""
        current = self.announcement
        await self.render_admin(
            "admin/announcement.html",
            current=current,
            until=_time(current.until) if current else None,
            api_url=self.hub_path("api", "announcement"),
        )


def plugin_rows(
    names: Iterable[str], versions: Mapping[str, str], times: Iterable[HookTimes]
) -> list[dict[str, Any]]:
    """Return a row for each plugin, those of distributions first."""
    found: dict[str, list[HookTimes]] = {name: [] for name in names}
    for time in times:
        found.setdefault(time.plugin, []).append(time)
    rows = [
        {
            "name": name,
            "version": versions.get(name, ""),
            "calls": ngettext("%(num)d call", "%(num)d calls", sum(hook.calls for hook in hooks)),
            "failures": _failures(sum(hook.failures for hook in hooks)),
            "hooks": [_hook_row(hook) for hook in hooks],
        }
        for name, hooks in found.items()
    ]
    return sorted(rows, key=lambda row: (not row["version"], row["name"]))


def _failures(count: int) -> Text | None:
    return ngettext("%(num)d failed call", "%(num)d failed calls", count) if count else None


def _hook_row(hook: HookTimes) -> dict[str, str]:
    return {
        "hook": hook.hook,
        "calls": in_groups(hook.calls),
        "failures": in_groups(hook.failures),
        "mean": f"{in_groups(1000 * hook.seconds / hook.calls)} ms" if hook.calls else "",
    }


def _finding_row(finding: Finding) -> dict[str, Any]:
    style = {Severity.ERROR: "bad", Severity.WARNING: "warn"}.get(finding.severity, "")
    since = _time(finding.since)
    return {
        "code": finding.code,
        "style": style,
        "message": _capitalized(finding.message),
        "action": _capitalized(finding.action),
        "since": since,
    }


def _capitalized(text: str) -> str:
    said = str(translated(text))
    return said[:1].upper() + said[1:]


def _usage_row(usage: UsageSum) -> dict[str, str]:
    return {
        "key": usage.key,
        "value": f"{usage.hours:.3f}",
        "hours": in_groups(usage.hours),
        "cpu_hours": in_groups(usage.cpu_hours),
        "memory_hours": in_groups(usage.memory_hours),
        "runs": in_groups(usage.runs),
    }


def _hub_row(hub: HubStatus) -> dict[str, Any]:
    return {"hub": hub, "started": _time(hub.process.started), "seen": _time(hub.process.seen)}


def _time(at: float | None) -> datetime | None:
    return datetime.fromtimestamp(at, UTC) if at else None
