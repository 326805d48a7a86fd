"""Usage accounting: runs of servers, and sums over them."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from plughub.domain.scopes import ScopeCoverage
from plughub.domain.timings import RUN_SEEN_SECONDS

HOUR: Final = 3600
GIB: Final = 1024**3
EVERYTHING: Final = ScopeCoverage(everything=True)


class Outcome(enum.StrEnum):
    """How a run ended; stored, so the values stay as they are."""

    OPEN = ""
    STOPPED = "stopped"
    DIED = "died"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


class UsageKey(enum.StrEnum):
    """What usage is summed by."""

    USER = "user"
    GROUP = "group"
    BACKEND = "backend"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """Facts about a run that are known when its server is launched.

    Attributes:
        server_id: key of the server.
        user_id: key of its user.
        user: name of the user.
        server: name of the server; empty for the default one.
        groups: groups of the user at that time.
        backend: the plugin that launches the server.
        profile: title of the chosen profile; empty for none.
        requested: time of the start request, in seconds since the epoch.
    """

    server_id: int
    user_id: int
    user: str
    server: str
    groups: tuple[str, ...] = ()
    backend: str = ""
    profile: str = ""
    requested: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Run of a server, from its launch to its end. Times are in seconds since the epoch.

    Attributes:
        id: its number, higher for later launches.
        user: name of the user.
        server: name of the server; empty for the default one.
        groups: groups of the user at the start.
        backend: the plugin that ran it.
        profile: title of the chosen profile; empty for none.
        requested: time of the start request.
        admitted: time when it left the queue.
        started: time when the server was ready; None if it never was.
        ended: time when it ended; None while it runs.
        outcome: how it ended.
        cpus: CPU cores that it could use; None if unknown.
        memory: bytes of memory that it could use; None if unknown.
    """

    id: int
    user: str
    server: str
    groups: tuple[str, ...]
    backend: str
    profile: str
    requested: float
    admitted: float
    started: float | None
    ended: float | None
    outcome: Outcome
    cpus: float | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """Filters for runs; an empty text matches everything.

    Attributes:
        since: beginning of the period, in seconds since the epoch.
        until: end of the period, exclusive.
        user: name of the user.
        backend: the plugin.
        profile: title of the profile.
        within: users whose runs the caller may see.
    """

    since: float
    until: float
    user: str = ""
    backend: str = ""
    profile: str = ""
    within: ScopeCoverage = EVERYTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSum:
    """Usage of one user, group, backend or profile in a period. A run counts as far as it is in the period.

    Attributes:
        key: name of the user, group, backend or profile.
        runs: runs that were ready within the period.
        hours: hours that servers ran.
        cpu_hours: hours, times the CPU cores that the servers could use, where known.
        memory_hours: hours, times the GiB of memory that the servers could use, where known.
    """

    key: str
    runs: int = 0
    hours: float = 0.0
    cpu_hours: float = 0.0
    memory_hours: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """Sums over a period.

    Attributes:
        sums: sum of each key, the largest first.
        total: sum of everything; a run of a user in two groups counts once.
    """

    sums: Sequence[UsageSum] = ()
    total: UsageSum = field(default_factory=lambda: UsageSum(key=""))


def end_of_run(now: float, seen: float, last_activity: float, *, observed: bool) -> float:
    """Return the time at which a run ended.

    Args:
        now: present time.
        seen: time when the server was last known to run.
        last_activity: time of its last activity; 0 for none.
        observed: whether the hub itself ended the server, so that the time is known.
    """
    last = max(seen, last_activity)
    # A server whose end is found much later, such as after a pause of the hub, ended some time before.
    return now if observed or now - last <= 3 * RUN_SEEN_SECONDS else last


def sums_by_group(rows: Iterable[tuple[Sequence[str], UsageSum]]) -> UsageReport:
    """Return the sums by group from sums by combination of groups.

    Args:
        rows: groups of each combination, and its sum.
    """
    found: dict[str, list[UsageSum]] = {}
    total: list[UsageSum] = []
    for groups, usage in rows:
        total.append(usage)
        for group in groups or ("",):
            found.setdefault(group, []).append(usage)
    return report_of({group: add_up(group, parts) for group, parts in found.items()}, total)


def report_of(sums: Mapping[str, UsageSum], parts: Iterable[UsageSum]) -> UsageReport:
    """Return the report of sums by key and the parts of the total."""
    ordered = sorted(sums.values(), key=lambda usage: (-usage.hours, usage.key))
    return UsageReport(sums=tuple(ordered), total=add_up("", parts))


def add_up(key: str, parts: Iterable[UsageSum]) -> UsageSum:
    """Return the sum of several sums under one key."""
    given = tuple(parts)
    return UsageSum(
        key=key,
        runs=sum(part.runs for part in given),
        hours=sum(part.hours for part in given),
        cpu_hours=sum(part.cpu_hours for part in given),
        memory_hours=sum(part.memory_hours for part in given),
    )
