"""Charts as SVG: paths that templates draw, with the numbers for a table beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from plughub.domain.activity_charts import ActivityBucket, Span

WIDTH: Final = 600
HEIGHT: Final = 120
"""Size of the drawing area in units of the SVG."""
_STEPS: Final = (1, 2, 5)
_GAP: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Numbers of one colour.

    Attributes:
        name: its name in the legend and the table.
        style: CSS class.
        values: one for each interval; None for none.
        bars: draw bars instead of a line.
    """

    name: str
    style: str
    values: Sequence[float | None]
    bars: bool = True

    def path(self, top: float) -> str:
        """Return the path of the SVG.

        Args:
            top: number at the upper edge.
        """
        step = WIDTH / max(len(self.values), 1)
        draw = _bars if self.bars else _line
        return draw([(place * step, value) for place, value in enumerate(self.values)], step, HEIGHT / top)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Chart of one or more series.

    Attributes:
        id: id of its element.
        title: heading.
        unit: unit of the numbers; empty for counts.
        series: the series; later ones are drawn above earlier ones.
        begins: beginning of each interval.
        days: label the axis with dates instead of hours.
    """

    id: str
    title: str
    unit: str = ""
    series: Sequence[Series]
    begins: Sequence[datetime] = field(default=())
    days: bool = False

    @property
    def top(self) -> float:
        """Round number at the upper edge."""
        return round_up(max((value or 0 for series in self.series for value in series.values), default=0))

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to draw."""
        return not any(value for series in self.series for value in series.values)

    @property
    def paths(self) -> list[tuple[Series, str]]:
        """Series with their paths."""
        return [(series, series.path(self.top)) for series in self.series]

    @property
    def grid(self) -> list[tuple[str, str, str]]:
        """Horizontal lines: position, position of the label below it, and label."""
        parts = (0, 0.5, 1)
        return [
            (f"{HEIGHT * (1 - part):g}", f"{HEIGHT * (1 - part) + 4:g}", f"{self.top * part:g}")
            for part in parts
        ]

    @property
    def marks(self) -> list[tuple[str, str, str]]:
        """Vertical lines at midnights or every sixth hour: position, position of the label, and label."""
        step = WIDTH / max(len(self.begins), 1)
        hours = {0} if self.days else {0, 6, 12, 18}
        return [
            (
                f"{place * step:.1f}",
                f"{place * step + 3:.1f}",
                begin.strftime("%m-%d" if self.days else "%H:%M"),
            )
            for place, begin in enumerate(self.begins)
            if begin.hour in hours and begin.minute == 0
        ]


def number_table(charts: Sequence[Chart]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows with the numbers of charts of the same period, without empty rows."""
    columns = [(chart, series) for chart in charts for series in chart.series]
    headings = [
        series.name if series.name == chart.title else f"{chart.title}: {series.name}"
        for chart, series in columns
    ]
    rows = zip(charts[0].begins, *(series.values for _, series in columns), strict=True)
    return headings, [[f"{begin:%Y-%m-%d %H:%M}", *map(_text, row)] for begin, *row in rows if any(row)]


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def activity_charts(buckets: Sequence[ActivityBucket], span: Span, words: Sequence[str]) -> list[Chart]:
    """Return the charts of the activity page.

    Args:
        buckets: activity in each interval.
        span: the period.
        words: titles of the charts and names of the series, in the order in which this function needs them.
    """
    users, servers, starts, succeeded, failed, durations, median, slow, queue = words
    waits = [round(bucket.queued, 1) for bucket in buckets]  # less than that is none
    series = {
        "users": (
            Series(name=servers, style="second", values=[bucket.servers for bucket in buckets]),
            Series(name=users, style="first", values=[bucket.users for bucket in buckets]),
        ),
        "starts": (
            Series(name=succeeded, style="good", values=[bucket.starts for bucket in buckets]),
            Series(name=failed, style="bad", values=[bucket.failures for bucket in buckets]),
        ),
        "durations": (
            Series(name=slow, style="second", values=[bucket.slow for bucket in buckets], bars=False),
            Series(name=median, style="first", values=[bucket.median for bucket in buckets], bars=False),
        ),
        "queue": (Series(name=queue, style="warn", values=waits),),
    }
    titles = {"users": users, "starts": starts, "durations": durations, "queue": queue}
    begins = [datetime.fromtimestamp(bucket.begin, UTC) for bucket in buckets]
    return [
        Chart(
            id=f"chart-{name}",
            title=titles[name],
            unit="s" if name in {"durations", "queue"} else "",
            series=parts,
            begins=begins,
            days=span is Span.WEEK,
        )
        for name, parts in series.items()
    ]


def round_up(value: float) -> float:
    """Return the smallest of 1, 2, 5, 10, 20, 50 and so on that is not below a number."""
    power = 1
    while True:
        for step in _STEPS:
            if value <= step * power:
                return float(step * power)
        power *= 10


def _seconds(value: float) -> float:
    """Return a wait; less than a tenth of a second is none."""
    return round(value, 1)


def _bars(points: Sequence[tuple[float, float | None]], step: float, scale: float) -> str:
    width = step * (1 - _GAP)
    parts = [
        f"M{x + step * _GAP / 2:.1f} {HEIGHT}V{HEIGHT - value * scale:.1f}h{width:.1f}V{HEIGHT}z"
        for x, value in points
        if value
    ]
    return "".join(parts)


def _line(points: Sequence[tuple[float, float | None]], step: float, scale: float) -> str:
    """Return a line through the middles of the intervals; a single point becomes a short dash."""
    parts: list[str] = []
    before = False
    for x, value in points:
        if value is not None:
            at = f"{x + step / 2:.1f} {HEIGHT - value * scale:.1f}"
            parts.append(f"L{at}" if before else f"M{at}h.1")
        before = value is not None
    return "".join(parts)
