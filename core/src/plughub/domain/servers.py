"""Servers and the operations that start and stop them, with their states and phases."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from plughub.domain.explanations import explained, with_details
from plughub.domain.words import Text, _


class Status(enum.StrEnum):
    """Last observed status of a server."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


class OperationKind(enum.StrEnum):
    """Kind of an operation."""

    START = "start"
    STOP = "stop"


class Phase(enum.StrEnum):
    """Phase of an operation, stored before its step has external effects.

    A start goes ``queued → launch → await``; a failure in any phase leads to ``undo``. Earlier versions
    stored ``route`` before they added the route.
    A stop goes ``unroute → halt → clean`` and skips phases that have nothing to do. Both end as ``done``.
    """

    QUEUED = "queued"
    LAUNCH = "launch"
    AWAIT = "await"
    ROUTE = "route"
    UNDO = "undo"
    UNROUTE = "unroute"
    HALT = "halt"
    CLEAN = "clean"
    DONE = "done"


FIRST_PHASE = {OperationKind.START: Phase.QUEUED, OperationKind.STOP: Phase.UNROUTE}
"""First phase of each kind of operation."""

NEXT_PHASES: Mapping[Phase, frozenset[Phase]] = {
    Phase.QUEUED: frozenset({Phase.LAUNCH, Phase.UNDO}),
    Phase.LAUNCH: frozenset({Phase.AWAIT, Phase.UNDO}),
    Phase.AWAIT: frozenset({Phase.ROUTE, Phase.DONE, Phase.UNDO}),
    Phase.ROUTE: frozenset({Phase.DONE, Phase.UNDO}),
    Phase.UNDO: frozenset({Phase.DONE}),
    Phase.UNROUTE: frozenset({Phase.HALT, Phase.DONE}),
    Phase.HALT: frozenset({Phase.CLEAN, Phase.DONE}),
    Phase.CLEAN: frozenset({Phase.DONE}),
    Phase.DONE: frozenset(),
}
"""Allowed transitions between phases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Reason why a server is not in the desired state.

    Attributes:
        message: message for the user.
        detail: more for administrators: paths, settings, commands, texts of exceptions.
        reference: id to search the log for; empty for none.
        html: the message with markup; empty for none.
        plugin: the plugin that failed; empty for the hub itself.
        exit_code: exit code of the process; None if unknown or running.
        logs: last lines of the server's output, without secrets.
        at: time of the failure.
        status: HTTP status of the answer.
    """

    message: str
    detail: str = ""
    reference: str = ""
    html: str = ""
    plugin: str = ""
    exit_code: int | None = None
    logs: tuple[str, ...] = ()
    at: datetime | None = None
    status: int = 500

    def describe(self, *, details: bool) -> str:
        """Return the explanation as one line.

        Args:
            details: whether the reader is an administrator or the log. Users read the reference for details.
        """
        if details or not self.detail or not self.reference:
            return explained(with_details(self.message, self.detail), details=details)
        return _(
            "%(message)s. An administrator of this hub can find details by reference %(reference)s.",
            message=Text(self.message.rstrip(".")),
            reference=self.reference,
        )


@dataclass(frozen=True, slots=True)
class ProgressReport:
    """One step of a start, as a spawner reported it.

    Attributes:
        percent: 0 to 99; 100 for what is shown once the server is ready.
        message: plain text.
        html: the same with markup; empty for none.
    """

    percent: int
    message: str
    html: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Stored request to start or stop a server.

    Attributes:
        id: 32 hexadecimal digits; everything that a start launches carries it.
        server_id: key of the server.
        kind: start or stop.
        phase: current phase.
        backend: the plugin that executes it.
        host: the only machine whose hub processes may execute it; empty for any.
        created: seconds since the epoch.
        attempts: how often a runner claimed it.
        cancelled: whether a stop was requested during the start.
        now: whether to stop without a graceful shutdown.
        remove: whether to delete the server permanently after the stop.
        requested_by: the principal who requested it.
        failure: the failure that is being undone, or the reason why the operation failed.
        place: position in the queue, 1 for the next; None if it is not queued.
        problem: why it makes no progress; empty if it does, or nothing is known yet.
        retry_at: time of the next attempt in seconds since the epoch; 0 if none is scheduled.
        progress: reported progress, oldest first.
        options_before: previous options of the server if the start changes them, otherwise None.
        posted: values that the starting server has posted for its spawner.
    """

    id: str
    server_id: int
    kind: OperationKind
    phase: Phase
    backend: str
    host: str = ""
    created: float = 0
    attempts: int = 0
    cancelled: bool = False
    now: bool = False
    remove: bool = False
    requested_by: str = ""
    failure: Failure | None = None
    place: int | None = None
    problem: str = ""
    retry_at: float = 0
    progress: tuple[ProgressReport, ...] = ()
    options_before: Mapping[str, Any] | None = None
    posted: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """Short id for users, administrators and the log."""
        return self.id[:8]

    @property
    def is_done(self) -> bool:
        """True if the operation has ended."""
        return self.phase is Phase.DONE

    @property
    def is_undoing(self) -> bool:
        """True if it is a start that failed or was cancelled and is being undone."""
        return self.phase is Phase.UNDO


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRecord:
    """Stored server.

    Attributes:
        id: key of the row.
        user_id: key of its user.
        user: name of its user.
        name: name of the server, empty for the default one.
        display_name: name on pages; empty for the name.
        backend: the plugin of the last start; empty if it never ran.
        host: the machine of the server if its backend is bound to one; otherwise empty.
        desired: ``running`` or ``stopped``.
        status: last observed status.
        launch: id of the start that launched the running server.
        url: its address, without a path; empty if it does not run.
        prefix: its path, as passed to the start; ``/`` for a server of an earlier version, which stored none;
            empty if it does not run.
        options: options of the last start.
        state: state that the backend saved.
        started: time when it last became ready.
        last_activity: time of its last activity.
        oauth_client_id: identifier of its OAuth client; empty if it does not run.
        failure: why it does not run although it should; None if all is well.
        unknown: why its status is currently unknown; empty if it is known.
        unreachable: why it has no route although it runs; empty if it has one.
        profile: title of the profile of the last start; empty if its backend has none.
        ends_at: when its backend ends it, in seconds since the epoch; None if never or unknown.
        stop_at: when it will be stopped, as a culler has announced, in seconds since the epoch; None if not.
        stop_reason: why it will be stopped then; empty if not given.
        operation: the operation in progress; None if there is none.
    """

    id: int
    user_id: int
    user: str
    name: str
    display_name: str = ""
    backend: str = ""
    host: str = ""
    desired: Status = Status.STOPPED
    status: Status = Status.STOPPED
    launch: str = ""
    url: str = ""
    prefix: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict, repr=False)
    started: datetime | None = None
    last_activity: datetime | None = None
    oauth_client_id: str = ""
    failure: Failure | None = None
    unknown: str = ""
    unreachable: str = ""
    profile: str = ""
    ends_at: float | None = None
    stop_at: float | None = None
    stop_reason: str = ""
    operation: Operation | None = None

    @property
    def full_name(self) -> str:
        """``user/server``, the name in logs and messages."""
        return f"{self.user}/{self.name}"

    @property
    def running(self) -> bool:
        """True if it runs, reachable or not, and no operation is in progress."""
        return self.status is Status.RUNNING and self.operation is None

    @property
    def ready(self) -> bool:
        """True if users can reach it: it runs, no operation is in progress, and it is not unreachable."""
        return self.running and not self.unreachable

    @property
    def active(self) -> bool:
        """True if it runs or an operation is in progress."""
        return self.status is not Status.STOPPED or self.operation is not None

    @property
    def pending(self) -> str | None:
        """``spawn`` or ``stop`` while an operation is in progress."""
        if self.operation is None:
            return None
        starting = self.operation.kind is OperationKind.START
        given_up = self.operation.cancelled or self.operation.is_undoing
        return "spawn" if starting and not given_up else "stop"

    @property
    def failed_start(self) -> bool:
        """True if its start failed and is being undone."""
        return self.operation is not None and self.operation.is_undoing and self.operation.failure is not None


def planned_stop(server: ServerRecord) -> tuple[datetime, str] | None:
    """Return when a running server ends according to its backend or a culler, and the reason given.

    Args:
        server: the server.

    Returns:
        The earlier of the two times, with the reason of that one; None if there is none.
    """
    plans = [(server.ends_at, ""), (server.stop_at, server.stop_reason)]
    known = [(at, reason) for at, reason in plans if at is not None]
    if not known or not server.running:
        return None
    at, reason = min(known)
    return datetime.fromtimestamp(at, UTC), reason


def profile_of(server: ServerRecord) -> str:
    """Return the title of the profile with which a server was last started.

    For a spawner that offers profiles in its own form, such as KubeSpawner, this is the identifier.

    Args:
        server: the server.

    Returns:
        The title; empty if there is none.
    """
    slug = server.options.get("profile")
    return server.profile or (slug if isinstance(slug, str) else "")
