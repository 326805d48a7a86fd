"""Events that `hub_event` reports."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final


class EventKind(enum.StrEnum):
    """Kind of an event."""

    LOGIN = "login"
    LOGIN_REFUSED = "login-refused"
    LOGOUT = "logout"
    SPAWN_REQUESTED = "spawn-requested"
    SPAWN_REFUSED = "spawn-refused"
    SPAWN = "spawn"
    SPAWN_FAILED = "spawn-failed"
    STOP_REQUESTED = "stop-requested"
    STOP = "stop"
    STOP_FAILED = "stop-failed"
    SERVER_DIED = "server-died"
    TOKEN_CREATED = "token-created"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "token-revoked"  # noqa: S105 - the name of an event
    ADMIN = "admin"
    HUB_STARTED = "hub-started"
    HUB_STOPPED = "hub-stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Author of an action, with the client address and token.

    Attributes:
        name: name of the user; ``services/NAME`` for a service, empty for the hub itself.
        remote_ip: address of the browser or program; empty if unknown.
        token_id: id of the token in the request; empty for a browser session.
    """

    name: str = ""
    remote_ip: str = ""
    token_id: str = ""


THE_HUB: Final = Actor()
"""The hub itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Event in the hub.

    Attributes:
        kind: kind of the event.
        at: time of the event, in UTC.
        user: the affected user.
        server: name of the affected server; None if no server is affected.
        actor: the user who acted, or ``services/NAME``; empty for the hub itself.
        remote_ip: address of the client; empty if unknown.
        token_id: id of the token in the request; empty for a browser session.
        detail: JSON-able facts, no secrets.
    """

    kind: EventKind
    at: datetime
    user: str
    server: str | None = None
    actor: str = ""
    remote_ip: str = ""
    token_id: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
