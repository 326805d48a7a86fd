"""Rate limit for log lines that unauthenticated requests cause."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from time import monotonic
from typing import Final

from plughub.domain.rate_limit import RateLimit

log = logging.getLogger("plughub.log")
LINES_PER_ADDRESS: Final = 120
"""Lines per minute about requests from one address."""
_MARK: Final = "plughub_kept"
_UNAUTHENTICATED_LOGGERS: Final = "tornado."
"""Prefix of loggers that report requests before authentication."""

unauthenticated_address: ContextVar[str | None] = ContextVar("unauthenticated_address", default=None)
"""Client address of the unauthenticated request in progress; None outside of such a request."""


class LogRateLimit(logging.Filter):
    """Log filter that limits lines about unauthenticated requests, and reports how many it dropped.

    Args:
        ceiling: lines per hour; 0 for no limit.
    """

    def __init__(self, ceiling: int) -> None:
        super().__init__()
        self._ceiling = RateLimit(each=LINES_PER_ADDRESS, total=ceiling) if ceiling else None
        self._dropped = 0
        self._reported_at = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record; the decision is the same for all handlers."""
        is_logged: bool | None = getattr(record, _MARK, None)
        if is_logged is None:
            is_logged = self._keep(record)
            setattr(record, _MARK, is_logged)
        return is_logged

    def _keep(self, record: logging.LogRecord) -> bool:
        if self._ceiling is None:
            return True
        address = unauthenticated_address.get()
        if address is None and not record.name.startswith(_UNAUTHENTICATED_LOGGERS):
            return True
        now = monotonic()
        if self._ceiling.take(address or "", now):
            self._report_dropped(now)
            return True
        self._dropped += 1
        self._report_dropped(now)
        return False

    def _report_dropped(self, now: float) -> None:
        if not self._dropped or now - self._reported_at < 60:  # noqa: PLR2004 - once a minute
            return
        number, self._dropped, self._reported_at = self._dropped, 0, now
        token = unauthenticated_address.set(None)
        try:
            log.warning("dropped %d log lines about requests of unauthenticated clients", number)
        finally:
            unauthenticated_address.reset(token)
