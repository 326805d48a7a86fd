"""Findings that the database shows, the same for every hub process and for ``hub doctor``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from plughub.domain.explanations import explained
from plughub.domain.findings import Finding, Severity
from plughub.domain.timings import LONG_QUEUE_SECONDS, RECENT_STARTS_SECONDS
from plughub.domain.words import _, ngettext
from plughub.services.coordination.hub_registry import has_ended_here, live_hubs
from plughub.services.hub_services.health_checks import service_states
from plughub.storage.hub_counts import ProblemGroup
from plughub.storage.store import Transaction

MANY_STARTS: Final = 5
"""Starts of which at least half must have failed for a finding."""


def database_findings(tx: Transaction, lease: float) -> list[Finding]:
    """Return the findings that the database shows.

    Args:
        tx: the transaction.
        lease: seconds for which a heartbeat is valid.
    """
    return [
        *_processes(tx, lease),
        *_servers(tx),
        *_operations(tx),
        *_starts(tx),
        *_services(tx),
        *_people(tx),
    ]


def _processes(tx: Transaction, lease: float) -> Iterator[Finding]:
    live = {hub.id for hub in live_hubs(tx, lease) if not has_ended_here(hub)}
    if not live:
        yield Finding(
            code="H001",
            severity=Severity.ERROR,
            message=_("no hub process is running"),
            action=_("start the hub; its log says why it ended"),
            since=max((hub.seen for hub in tx.hub_processes.list()), default=None),
        )
    for hub in tx.hub_processes.list():
        if hub.id not in live and live:
            yield Finding(
                code="H002",
                severity=Severity.WARNING,
                subject=f"{hub.host}, process {hub.pid}",
                message=_(
                    "a hub process on %(host)s (pid %(pid)s) has sent no heartbeat",
                    host=hub.host,
                    pid=hub.pid,
                ),
                action=_(
                    "check whether the process and its connection to the database are alive. "
                    "The others have taken over its work"
                ),
                since=hub.seen,
            )


def _servers(tx: Transaction) -> Iterator[Finding]:
    for group in tx.problems.unknown_servers():
        yield Finding(
            code="H010",
            severity=Severity.ERROR,
            subject=_place(group),
            message=ngettext(
                "the hub cannot tell whether %(num)d server of %(place)s still runs: %(reason)s",
                "the hub cannot tell whether %(num)d servers of %(place)s still run: %(reason)s",
                group.count,
                place=_place(group),
                reason=explained(group.reason, details=True),
            ),
            action=_("repair the backend. If its machine is permanently lost, force-forget the servers"),
        )
    for group in tx.problems.unreachable_servers():
        yield Finding(
            code="H011",
            severity=Severity.WARNING,
            subject=_place(group),
            message=ngettext(
                "%(num)d server of %(place)s cannot be reached: %(reason)s",
                "%(num)d servers of %(place)s cannot be reached: %(reason)s",
                group.count,
                place=_place(group),
                reason=explained(group.reason, details=True),
            ),
            action=_("stop these servers and start them again if the problem lasts"),
        )


def _operations(tx: Transaction) -> Iterator[Finding]:
    for group in tx.problems.stuck_operations():
        yield Finding(
            code="H012",
            severity=Severity.ERROR,
            subject=_place(group),
            message=ngettext(
                "%(num)d start or stop of %(place)s cannot make progress: %(reason)s",
                "%(num)d starts or stops of %(place)s cannot make progress: %(reason)s",
                group.count,
                place=_place(group),
                reason=explained(group.reason, details=True),
            ),
            action=_("repair the cause: the hub retries by itself"),
            since=group.since,
        )


def _starts(tx: Transaction) -> Iterator[Finding]:
    now = tx.now()
    for backend, (total, failed) in tx.problems.recent_starts(now - RECENT_STARTS_SECONDS).items():
        if total >= MANY_STARTS and 2 * failed >= total:
            yield Finding(
                code="H014",
                severity=Severity.ERROR,
                subject=backend,
                message=_(
                    "%(failed)s of %(total)s starts of %(backend)s failed within the last hour",
                    failed=failed,
                    total=total,
                    backend=backend,
                ),
                action=_("read the reasons in the audit trail (kind spawn-failed) or in the log"),
            )
    queued, oldest = tx.problems.queue()
    if queued and now - oldest > LONG_QUEUE_SECONDS:
        yield Finding(
            code="H015",
            severity=Severity.WARNING,
            message=ngettext(
                "%(num)d start has been queued for %(seconds)s s",
                "%(num)d starts are queued, one of them for %(seconds)s s",
                queued,
                seconds=f"{now - oldest:.0f}",
            ),
            action=_("raise c.JupyterHub.concurrent_spawn_limit if the backends can start more at once"),
            since=oldest,
        )


def _services(tx: Transaction) -> Iterator[Finding]:
    for service, state in service_states(tx):
        if state in {"silent", "stopped"}:
            yield Finding(
                code="H020",
                severity=Severity.ERROR if state == "silent" else Severity.WARNING,
                subject=service.name,
                message=_("service %(name)s does not answer at its address", name=service.name)
                if state == "silent"
                else _("service %(name)s is not running", name=service.name),
                action=_("read its log. The hub restarts the services that it manages")
                if service.command
                else _("start the service, or correct its url in the configuration"),
            )


def _people(tx: Transaction) -> Iterator[Finding]:
    if not tx.problems.has_admin():
        yield Finding(
            code="H060",
            severity=Severity.NOTICE,
            message=_("no user or group has the role admin"),
            action=_(
                "make a user an admin: set c.Authenticator.admin_users, or log in with the link "
                "that the hub prints at its start"
            ),
        )


def _place(group: ProblemGroup) -> str:
    backend = group.backend or _("the default backend")
    return _("%(backend)s on %(host)s", backend=backend, host=group.host) if group.host else backend
