"""Servers and the operations that change them: what is wanted, what is, and the steps between."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from plughub.domain.explanations import explained, with_details


class Status(enum.StrEnum):
    """What a server is, as last seen."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


class OperationKind(enum.StrEnum):
    """What is being done to a server."""

    START = "start"
    STOP = "stop"


class Phase(enum.StrEnum):
    """How far an operation is. Each is written down before its step touches the world.

    A start goes ``queued → launch → await → route``; a failure at any of them leads to ``undo``.
    A stop goes ``unroute → halt → clean``, and skips what takes no step of its own. Either ends as ``done``.
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
"""Where an operation begins."""

NEXT_PHASES: Mapping[Phase, frozenset[Phase]] = {
    Phase.QUEUED: frozenset({Phase.LAUNCH, Phase.UNDO}),
    Phase.LAUNCH: frozenset({Phase.AWAIT, Phase.UNDO}),
    Phase.AWAIT: frozenset({Phase.ROUTE, Phase.UNDO}),
    Phase.ROUTE: frozenset({Phase.DONE, Phase.UNDO}),
    Phase.UNDO: frozenset({Phase.DONE}),
    Phase.UNROUTE: frozenset({Phase.HALT, Phase.DONE}),
    Phase.HALT: frozenset({Phase.CLEAN, Phase.DONE}),
    Phase.CLEAN: frozenset({Phase.DONE}),
    Phase.DONE: frozenset(),
}
"""The only ways from one phase to another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a server is not what it should be.

    Attributes:
        message: what the user reads.
        detail: what administrators read besides: paths, settings, commands, texts of exceptions.
        reference: by which the log is searched for it; empty for none.
        html: the message with markup; empty for none.
        plugin: the plugin that failed; empty for the hub itself.
        exit_code: of the process; None when not known or not ended.
        logs: last lines that the server wrote, secrets taken out.
        at: when it happened.
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

    def told(self, *, details: bool) -> str:
        """Say why.

        Args:
            details: whether the reader is an administrator, or the log.

        Returns:
            One line. Users read by what an administrator finds the details.
        """
        if details or not self.detail or not self.reference:
            return explained(with_details(self.message, self.detail), details=details)
        return (
            f"{self.message.rstrip('.')}. An administrator of this hub finds details under {self.reference}."
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
    """Something that is being done to a server, as written down.

    Attributes:
        id: 32 hexadecimal digits; what a start launches carries it.
        server_id: key of the server.
        kind: start or stop.
        phase: how far it is.
        backend: the plugin that does it.
        host: the only machine whose hubs may go on with it; empty for any.
        created: seconds since the epoch.
        attempts: how often a process took it up.
        cancelled: a stop was asked for while it started.
        now: a stop without a gentle end.
        remove: delete the server for ever once it is stopped.
        requested_by: who asked for it.
        failure: why it is being undone, or why it failed.
        place: 1 for the next in the queue, None when it is not waiting.
        trouble: why it does not get on; empty when it does, or nothing is known yet.
        again_at: when it is tried again, seconds since the epoch; 0 when it is not waiting for that.
        progress: what was reported so far, oldest first.
        options_before: options of the server before a start that brings others; None when it brings none.
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
    trouble: str = ""
    again_at: float = 0
    progress: tuple[ProgressReport, ...] = ()
    options_before: Mapping[str, Any] | None = None

    @property
    def reference(self) -> str:
        """By which users and administrators speak of it, and the log is searched for it."""
        return self.id[:8]

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.phase is Phase.DONE

    @property
    def undoing(self) -> bool:
        """Whether it is a start that has failed or was cancelled, and is being tidied up."""
        return self.phase is Phase.UNDO


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRecord:
    """A server, as stored.

    Attributes:
        id: key of the row.
        user_id: key of its user.
        user: name of its user.
        name: name of the server, empty for the default one.
        display_name: what pages call it; empty for its name.
        backend: the plugin that started it last; empty when it never ran.
        host: the machine it lives on when its backend is bound to one; empty otherwise.
        desired: ``running`` or ``stopped``.
        status: what it is, as last seen.
        launch: id of the start that launched what runs.
        url: where it listens, without a path; empty when it does not run.
        prefix: the path below which it answers, as it was told at its start; ``/`` for a server of an earlier
            version, which stored none; empty when it does not run.
        options: what the user chose last.
        state: what the backend saved.
        started: when it became ready last.
        last_activity: last activity.
        oauth_client_id: identifier of its OAuth client; empty when it does not run.
        failure: why it does not run although it should; None when all is well.
        unknown: why its state is not known right now; empty when it is.
        unreachable: why it has no route although it runs; empty when it has one.
        operation: what is being done to it; None when nothing is.
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
    operation: Operation | None = None

    @property
    def full_name(self) -> str:
        """``user/server``, as logs and messages name it."""
        return f"{self.user}/{self.name}"

    @property
    def running(self) -> bool:
        """Whether it runs, reachable or not, and no operation is in progress."""
        return self.status is Status.RUNNING and self.operation is None

    @property
    def ready(self) -> bool:
        """Whether users reach it: it runs, no operation is in progress, and it may have a route."""
        return self.running and not self.unreachable

    @property
    def active(self) -> bool:
        """Whether it runs or something is being done to it."""
        return self.status is not Status.STOPPED or self.operation is not None

    @property
    def pending(self) -> str | None:
        """``spawn`` or ``stop`` while that is being done."""
        if self.operation is None:
            return None
        starting = self.operation.kind is OperationKind.START
        given_up = self.operation.cancelled or self.operation.undoing
        return "spawn" if starting and not given_up else "stop"

    @property
    def failed_start(self) -> bool:
        """Whether its start has failed and what is left of it is being stopped."""
        return self.operation is not None and self.operation.undoing and self.operation.failure is not None
