"""Findings about plugins whose hooks fail."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

from plughub.domain.findings import Finding, Severity
from plughub.domain.timings import HOOK_FAILURES_SECONDS
from plughub.services.observability.metrics import Metrics

FEW_FAILURES: Final = 3
SOME: Final = 0.2
"""Part of the calls that must fail for a finding."""


class HookFailures:
    """Compares the counts of hook calls with those of ten minutes ago.

    Args:
        metrics: metrics of this process.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._counts: deque[tuple[float, Mapping[tuple[str, str], tuple[int, int]]]] = deque()

    def findings(self, host: str) -> Iterator[Finding]:
        """Yield a finding for each hook that fails often."""
        now = time.monotonic()
        counts = {(one.plugin, one.hook): (one.calls, one.failures) for one in self._metrics.hook_times()}
        while len(self._counts) > 1 and self._counts[1][0] < now - HOOK_FAILURES_SECONDS:
            self._counts.popleft()
        before = self._counts[0][1] if self._counts else {}
        self._counts.append((now, counts))
        for (plugin, hook), (calls, failures) in counts.items():
            old_calls, old_failures = before.get((plugin, hook), (0, 0))
            calls, failures = calls - old_calls, failures - old_failures  # noqa: PLW2901 - of the window
            if failures >= FEW_FAILURES and failures >= SOME * calls:
                yield Finding(
                    code="H050",
                    severity=Severity.ERROR,
                    subject=f"{plugin}: {hook} on {host}",
                    message=f"{failures} of {calls} calls of {hook} of plugin {plugin} failed on {host} in "
                    "the last ten minutes",
                    action="the log names the reason of each failure",
                )
