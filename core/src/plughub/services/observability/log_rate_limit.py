"""A ceiling for what strangers can have the hub write into its log."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from time import monotonic
from typing import Final

from plughub.domain.rate_limit import RateLimit

log = logging.getLogger("plughub.log")
LINES_OF_ADDRESS: Final = 120
"""Lines in a minute about requests of one address."""
_MARK: Final = "plughub_kept"
_OF_NOBODY: Final = "tornado."
"""Beginning of loggers that speak of requests before it is known who makes them."""

stranger: ContextVar[str | None] = ContextVar("stranger", default=None)
"""Address of the stranger whose request is being answered; None while nothing is done for a stranger."""


class LogRateLimit(logging.Filter):
    """Lets lines about requests of strangers through up to a ceiling, and says how many it held back.

    Args:
        ceiling: lines in an hour; 0 for any number.
    """

    def __init__(self, ceiling: int) -> None:
        super().__init__()
        self._ceiling = RateLimit(each=LINES_OF_ADDRESS, total=ceiling) if ceiling else None
        self._held_back = 0
        self._said = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide about a line, once for all handlers."""
        kept: bool | None = getattr(record, _MARK, None)
        if kept is None:
            kept = self._keep(record)
            setattr(record, _MARK, kept)
        return kept

    def _keep(self, record: logging.LogRecord) -> bool:
        if self._ceiling is None:
            return True
        address = stranger.get()
        if address is None and not record.name.startswith(_OF_NOBODY):
            return True
        now = monotonic()
        if self._ceiling.take(address or "", now):
            self._say(now)
            return True
        self._held_back += 1
        self._say(now)
        return False

    def _say(self, now: float) -> None:
        if not self._held_back or now - self._said < 60:  # noqa: PLR2004 - once in a minute
            return
        number, self._held_back, self._said = self._held_back, 0, now
        token = stranger.set(None)
        try:
            log.warning("lines about requests of strangers that were left out of the log: %d", number)
        finally:
            stranger.reset(token)
