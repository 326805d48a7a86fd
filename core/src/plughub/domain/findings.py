"""Findings: problems of the hub for administrators, each with a code, its beginning and what to do."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final


class Severity(enum.StrEnum):
    """How urgent a finding is."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


_ORDER: Final = {severity: place for place, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Problem of the hub, for administrators.

    Attributes:
        code: identifies the kind of problem in the documentation, such as ``H010``.
        severity: how urgent it is.
        subject: what has the problem, such as a plugin, a machine or a service; empty for the whole hub.
        message: what is wrong, without secrets.
        action: what to do.
        since: time when it began or was first found, in seconds since the epoch; None if unknown.
    """

    code: str
    severity: Severity
    subject: str = ""
    message: str
    action: str
    since: float | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Code and subject, which identify the finding while it lasts."""
        return self.code, self.subject

    def packed(self) -> dict[str, Any]:
        """Return the finding as JSON."""
        return {**asdict(self), "severity": self.severity.value}


def unpack_finding(packed: Mapping[str, Any]) -> Finding:
    """Return a finding from JSON of `Finding.packed`."""
    return Finding(**{**packed, "severity": Severity(packed["severity"])})


def with_beginnings(found: Iterable[Finding], before: Iterable[Finding], now: float | None) -> list[Finding]:
    """Return findings with the time at which each began.

    Args:
        found: present findings.
        before: earlier findings, from which those that last keep their time.
        now: beginning of new findings that do not know theirs; None to leave it open.
    """
    known = {finding.key: finding.since for finding in before}
    return [
        finding if finding.since is not None else replace(finding, since=known.get(finding.key) or now)
        for finding in found
    ]


def by_urgency(found: Iterable[Finding]) -> Sequence[Finding]:
    """Return findings without duplicates, the most urgent and oldest first."""
    unique = {finding.key: finding for finding in found}
    return sorted(unique.values(), key=lambda one: (_ORDER[one.severity], one.since or 0, one.key))
