"""The audit trail: what of an event is kept, and how it is looked up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from plughub.domain.events import Event, EventKind

MAX_TEXT: Final = 255
MAX_DETAIL: Final = 4000
"""Characters of JSON; of what is longer only the beginning is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """A line of the audit trail.

    Attributes:
        id: its number, higher for later ones; 0 for one that is not stored yet.
        at: when, in UTC.
        kind: what: the kind of the event, or the deed of an admin, such as ``delete-user``.
        actor: who did it: a user, or ``services/NAME``; empty for the hub itself, or for who is not known.
        user: to whom; empty for the hub as a whole.
        server: name of the server, None when it is not about a server.
        remote_ip: from where; empty when not known.
        token_id: with which token; empty for a browser session.
        detail: JSON-able facts, no secrets.
    """

    id: int = 0
    at: datetime
    kind: str
    actor: str = ""
    user: str = ""
    server: str | None = None
    remote_ip: str = ""
    token_id: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which lines are asked for; what is empty or None counts for nothing.

    Attributes:
        user: to whom.
        actor: by whom.
        kind: what.
        since: not before, in UTC.
        until: before, in UTC.
    """

    user: str = ""
    actor: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None


def entry_of(event: Event) -> AuditEntry:
    """Turn an event into a line that every database takes.

    Args:
        event: what happened.

    Returns:
        The line.
    """
    detail = dict(event.detail)
    kind = str(detail.pop("deed", event.kind)) if event.kind is EventKind.ADMIN else event.kind.value
    return AuditEntry(
        at=event.at,
        kind=_text(kind)[:64],
        actor=_text(event.actor),
        user=_text(event.user),
        server=None if event.server is None else _text(event.server),
        remote_ip=_text(event.remote_ip),
        token_id=_text(event.token_id),
        detail=_bounded(detail),
    )


def _text(text: str) -> str:
    """Take out what a database refuses: halves of characters, and the character that ends texts in C."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")[:MAX_TEXT]


def _bounded(detail: dict[str, Any]) -> Mapping[str, Any]:
    text = json.dumps(detail, default=str)
    known: dict[str, Any] = json.loads(text)
    return known if len(text) <= MAX_DETAIL else {"beginning": text[:MAX_DETAIL]}
