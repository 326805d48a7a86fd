"""Entries of the audit log and queries for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from plughub.domain.events import Event, EventKind

OPEN_SERVER: Final = "open-server"
"""Kind of the entry for a user who opens a server of another user; stored, so it stays as it is."""
MAX_TEXT: Final = 255
MAX_DETAIL: Final = 4000
"""Characters of JSON; a longer detail is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Entry of the audit log.

    Attributes:
        id: its number, higher for later entries; 0 for an entry that is not stored yet.
        at: time of the action, in UTC.
        kind: kind of the event, or the action of an admin, such as ``delete-user``.
        actor: the user who acted, or ``services/NAME``; empty for the hub itself, or if unknown.
        user: the affected user; empty for the hub as a whole.
        server: name of the affected server; None if no server is affected.
        remote_ip: address of the client; empty if unknown.
        token_id: id of the token in the request; empty for a browser session.
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
    """Filters for entries; an empty text or None matches everything.

    Attributes:
        user: the affected user.
        actor: the actor.
        kind: kind of entry.
        since: earliest time, in UTC.
        until: end of the period, exclusive, in UTC.
        before: only entries with a lower number; 0 for all.
    """

    user: str = ""
    actor: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int = 0


def entry_of(event: Event) -> AuditEntry:
    """Convert an event into an entry that fits into the database."""
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
    """Replace surrogates and null characters, which databases reject, and cut the text to `MAX_TEXT`."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")[:MAX_TEXT]


def _bounded(detail: dict[str, Any]) -> Mapping[str, Any]:
    text = json.dumps(detail, default=str)
    known: dict[str, Any] = json.loads(text)
    return known if len(text) <= MAX_DETAIL else {"beginning": text[:MAX_DETAIL]}
