"""Refused logins: published, logged and audited at a limited rate."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from time import monotonic
from typing import Any

from plughub.domain.events import Actor, EventKind
from plughub.domain.names import MAX_USERNAME, shorten
from plughub.domain.rate_limit import RateLimit
from plughub.domain.timings import MINUTE
from plughub.services.observability.events import EventPublisher

log = logging.getLogger("plughub.login")
_REASON = 200


@dataclass(slots=True)
class _Count:
    """Number of refusals that have not been reported yet, and the reason of the last."""

    number: int
    reason: str


class LoginRefusals:
    """Reports refused logins.

    The first refusal per name and address in a minute is reported at once, further ones of that minute
    together with their number. Beyond an hourly limit only the total is reported.

    Args:
        events: publishes events to plugins, including the audit trail.
        ceiling: events per hour.
    """

    def __init__(self, events: EventPublisher, ceiling: int) -> None:
        self._events = events
        self._ceiling = RateLimit(each=1, total=ceiling)
        self._counts: dict[tuple[str, str], _Count] = {}
        self._most = ceiling
        self._excess = 0

    def record(self, name: str, remote_ip: str, reason: str) -> None:
        """Record a refused login.

        Args:
            name: the name as it was sent.
            remote_ip: address of the browser.
            reason: why.
        """
        name = name[:MAX_USERNAME]
        if self._ceiling.take(f"{name}\0{remote_ip}", monotonic()):
            log.warning("login of %s from %s refused: %s", shorten(name), remote_ip or "?", reason)
            self._publish(name, remote_ip, reason=reason[:_REASON])
            return
        count = self._counts.get((name, remote_ip))
        if count is not None:
            count.number, count.reason = count.number + 1, reason
        elif self._ceiling.reached or len(self._counts) >= self._most:
            self._excess += 1
        else:
            self._counts[name, remote_ip] = _Count(1, reason)

    async def run(self) -> None:
        """Report the counted refusals once a minute, until cancelled."""
        while True:
            await asyncio.sleep(MINUTE)
            self.flush()

    def flush(self) -> None:
        """Report the counted refusals."""
        counts, self._counts = self._counts, {}
        excess, self._excess = self._excess, 0
        for (name, remote_ip), count in counts.items():
            if not self._ceiling.take(f"{name}\0{remote_ip}\0", monotonic()):
                excess += count.number
                continue
            more = "login of %s from %s refused %d more times: %s"
            log.warning(more, shorten(name), remote_ip or "?", count.number, count.reason)
            self._publish(name, remote_ip, reason=count.reason[:_REASON], count=count.number)
        if excess:
            reason = "refused logins beyond the hourly limit, which are only counted"
            log.warning("%s: %d", reason, excess)
            self._publish("", "", reason=reason, count=excess)

    def _publish(self, name: str, remote_ip: str, **facts: Any) -> None:
        self._events.publish(EventKind.LOGIN_REFUSED, name, by=Actor(remote_ip=remote_ip), **facts)
