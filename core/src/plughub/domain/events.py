"""What happened: the records that `hub_event` tells."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final


class EventKind(enum.StrEnum):
    """What can happen."""

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
    """Who does something, from where and with what.

    Attributes:
        name: of the user; ``services/NAME`` for a service, empty for the hub itself.
        remote_ip: address of the browser or program; empty when not known.
        token_id: id of the token that was sent; empty for a browser session.
    """

    name: str = ""
    remote_ip: str = ""
    token_id: str = ""


THE_HUB: Final = Actor()
"""The hub itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        kind: what.
        at: when, in UTC.
        user: to whom.
        server: name of the server, None when it is not about a server.
        actor: who did it: a user, or ``services/NAME``; empty for the hub itself.
        remote_ip: from where; empty when not known.
        token_id: with which token; empty for a browser session.
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
