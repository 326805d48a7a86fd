"""Monitor that stores what each hub process finds about itself and its machine."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from plughub.domain.explanations import explained, with_details
from plughub.domain.findings import Finding, Severity, by_urgency, unpack_finding, with_beginnings
from plughub.domain.machine_state import MachineState, unpack_machine
from plughub.domain.timings import FINDINGS_SECONDS, MACHINE_SECONDS
from plughub.services.coordination.background_loops import repeat
from plughub.services.coordination.hub_registry import live_hubs
from plughub.services.coordination.leases import Leadership
from plughub.services.insight.database_findings import database_findings
from plughub.services.insight.hook_failures import HookFailures
from plughub.services.insight.machine import HOMES, machine_findings, process_findings, read_machine
from plughub.services.observability.metrics import Metrics
from plughub.services.servers.spawner_checks import SpawnerChecks
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.findings")
TOPIC: Final = "finding"
"""Topic of the change feed."""
OF_PROCESS: Final = "observed:"
"""Prefix of the stored fact with what a process found; its id follows."""
OF_HUB: Final = "findings"
"""Stored fact with the findings about the whole hub, for the times when they began."""


@dataclass(frozen=True, slots=True)
class HubReport:
    """Present state of the hub.

    Attributes:
        findings: problems, the most urgent first.
        machines: free resources of the machines with hub processes.
    """

    findings: Sequence[Finding]
    machines: Sequence[MachineState]


@dataclass(frozen=True, slots=True)
class WatchedParts:
    """What a hub process watches on its machine.

    Attributes:
        folders: folders whose file systems must not become full.
        check_configuration: returns findings about the configuration; may block.
    """

    folders: Collection[Path] = ()
    check_configuration: Callable[[], Iterable[Finding]] = tuple


class Monitor:
    """Stores findings regularly, so that every process and ``hub doctor`` can report them.

    Args:
        store: the storage.
        settings: settings of the hub.
        metrics: metrics of this process.
        spawner_checks: knows which spawners cannot start servers.
        watched: what to watch on this machine.
    """

    def __init__(
        self,
        store: Store,
        settings: HubSettings,
        metrics: Metrics,
        spawner_checks: SpawnerChecks,
        watched: WatchedParts,
    ) -> None:
        self._store = store
        self._settings = settings
        self._watched = watched
        self._hooks = HookFailures(metrics)
        self._spawner_checks = spawner_checks
        self._leadership = Leadership(store, settings, "findings")
        self._found: list[Finding] = []
        self._machine: MachineState | None = None

    async def run(self) -> None:
        """Store findings until cancelled."""
        await repeat(self.run_once, FINDINGS_SECONDS, "cannot store findings", log)

    async def run_once(self) -> None:
        """Store the findings of this process, and as the leader those of the whole hub."""
        machine, found = await asyncio.to_thread(self._look)
        found += [*await self._spawner_findings(), *self._hooks.findings(self._settings.host)]
        leads = await self._leadership.acquire()

        def work(tx: Transaction) -> list[Finding]:
            now = tx.now()
            mine = with_beginnings(found, self._found, now)
            packed = {"machine": machine.packed(), "findings": [finding.packed() for finding in mine]}
            tx.settings.set(f"{OF_PROCESS}{self._settings.hub_id}", packed)
            _report_change(tx, mine, self._found)
            if leads:
                _store_hub_findings(tx, self._settings.lease)
            return mine

        self._found = await self._store.write(work)

    async def report(self) -> HubReport:
        """Return the present state of the hub, for every process the same."""
        return await self._store.read(lambda tx: read_report(tx, self._settings.lease))

    async def machine(self) -> MachineState:
        """Return the free resources of this machine for its users; read at most every few seconds."""
        if self._machine is None or time.time() - self._machine.at > MACHINE_SECONDS:
            self._machine = await asyncio.to_thread(read_machine, self._settings.host, (HOMES,))
        return self._machine

    async def _spawner_findings(self) -> list[Finding]:
        """Return a finding for each spawner that cannot start servers from this process at present."""
        host = self._settings.host
        problems = await self._spawner_checks.problems(self._settings.spawners)
        return [
            Finding(
                code="H040",
                severity=Severity.ERROR,
                subject=f"{name} on {host}",
                message=f"plugin {name} cannot start servers on {host}: "
                + explained(with_details(str(why.message), why.detail), details=True).rstrip("."),
                action="repair its engine. Users read the reason on the start page",
            )
            for name, why in problems.items()
        ]

    def _look(self) -> tuple[MachineState, list[Finding]]:
        machine = read_machine(self._settings.host, self._watched.folders)
        of_process = process_findings(self._settings.host)
        return machine, [*machine_findings(machine), *of_process, *self._watched.check_configuration()]


def read_report(tx: Transaction, lease: float) -> HubReport:
    """Return the present state of the hub: what the database shows now, and what live processes found.

    Args:
        tx: the transaction.
        lease: seconds for which a heartbeat is valid.
    """
    before = [unpack_finding(packed) for packed in tx.settings.get(OF_HUB) or ()]
    found = with_beginnings(database_findings(tx, lease), before, None)
    observed = _observed(tx)
    live = [observed[hub.id] for hub in live_hubs(tx, lease) if hub.id in observed]
    for one in live:
        found += [unpack_finding(packed) for packed in one["findings"]]
    machines = {one["machine"]["host"]: unpack_machine(one["machine"]) for one in live}
    return HubReport(by_urgency(found), tuple(machines[host] for host in sorted(machines)))


def _store_hub_findings(tx: Transaction, lease: float) -> None:
    before = [unpack_finding(packed) for packed in tx.settings.get(OF_HUB) or ()]
    found = with_beginnings(database_findings(tx, lease), before, tx.now())
    if found != before:
        tx.settings.set(OF_HUB, [finding.packed() for finding in found])
        _report_change(tx, found, before)
    known = {hub.id for hub in tx.hub_processes.list()}
    for hub_id in _observed(tx).keys() - known:
        tx.settings.delete(f"{OF_PROCESS}{hub_id}")


def _report_change(tx: Transaction, found: Iterable[Finding], before: Iterable[Finding]) -> None:
    """Report to open pages that there are other findings than before."""
    if {finding.key for finding in found} != {finding.key for finding in before}:
        tx.changes.add(TOPIC, "")


def _observed(tx: Transaction) -> dict[str, Any]:
    facts = tx.settings.starting_with(OF_PROCESS)
    return {name.removeprefix(OF_PROCESS): value for name, value in facts.items()}
