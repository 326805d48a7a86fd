"""Announcement of administrators on all pages."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from plughub.domain.errors import InvalidError

MAX_MESSAGE: Final = 2000


class Tone(enum.StrEnum):
    """How an announcement looks."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Announcement on all pages.

    Attributes:
        message: plain text.
        severity: how it looks.
        until: time after which it is not shown, in seconds since the epoch; None for no end.
        by: who made it.
        at: when it was made, in seconds since the epoch.
    """

    message: str
    severity: Tone = Tone.INFO
    until: float | None = None
    by: str = ""
    at: float = 0.0

    def is_shown(self, now: float) -> bool:
        """Return whether it has not ended."""
        return self.until is None or now < self.until

    def packed(self) -> dict[str, Any]:
        """Return the announcement as JSON."""
        return {
            "message": self.message,
            "severity": self.severity.value,
            "until": self.until,
            "by": self.by,
            "at": self.at,
        }


def unpack_announcement(packed: Mapping[str, Any] | None) -> Announcement | None:
    """Return an announcement from JSON of `Announcement.packed`."""
    return Announcement(**{**packed, "severity": Tone(packed["severity"])}) if packed else None


def check_announcement(message: str, severity: str, until: float | None, now: float) -> Announcement:
    """Return an announcement if it is valid.

    Raises:
        InvalidError: the message is empty or too long, the severity is unknown, or the end has passed.
    """
    text = message.strip()
    if not text or len(text) > MAX_MESSAGE:
        raise InvalidError(f"the message of an announcement must have 1 to {MAX_MESSAGE} characters")
    try:
        tone = Tone(severity or Tone.INFO)
    except ValueError as error:
        raise InvalidError(f"severity must be one of {', '.join(Tone)}") from error
    if until is not None and until <= now:
        raise InvalidError("the end of the announcement has already passed")
    return Announcement(message=text, severity=tone, until=until, at=now)
