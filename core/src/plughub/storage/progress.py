"""Reports of a start as they lie in JSON columns, with the keys of the events that browsers get."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plughub.domain.servers import ProgressReport


def pack_progress(reports: Sequence[ProgressReport]) -> list[dict[str, Any]]:
    """Make JSON of reports.

    Args:
        reports: the reports, oldest first.

    Returns:
        A list for `unpack_progress`.
    """
    return [
        {"progress": report.percent, "message": report.message}
        | ({"html_message": report.html} if report.html else {})
        for report in reports
    ]


def unpack_progress(packed: Sequence[dict[str, Any]] | None) -> tuple[ProgressReport, ...]:
    """Make reports of JSON.

    Args:
        packed: as `pack_progress` made it; None for no report.

    Returns:
        The reports, oldest first.
    """
    return tuple(
        ProgressReport(report["progress"], report["message"], report.get("html_message", ""))
        for report in packed or ()
    )
