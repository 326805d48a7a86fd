"""Findings about the hub, and the machines of its processes."""

from __future__ import annotations

from typing import Any

from plughub.domain.clock import isoformat
from plughub.domain.findings import Finding
from plughub.domain.machine_state import MachineState
from plughub.web.api.base import APIHandler
from plughub.web.api.usage_reports import moment
from plughub.web.authorization import requires
from plughub.web.description import call


class FindingsHandler(APIHandler):
    """``/hub/api/findings``: what ``hub doctor`` prints."""

    @call()
    @requires("read:hub")
    async def get(self) -> None:
        """Return problems of the hub, the most urgent first, and free resources of its machines."""
        report = await self.services.monitor.report()
        self.answer(
            {
                "findings": [finding_model(finding) for finding in report.findings],
                "machines": [machine_model(machine) for machine in report.machines],
            }
        )


def finding_model(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON."""
    since = finding.since
    return {**finding.packed(), "since": None if since is None else isoformat(moment(since))}


def machine_model(machine: MachineState) -> dict[str, Any]:
    """Return the resources of a machine as JSON."""
    return {**machine.packed(), "at": isoformat(moment(machine.at))}
