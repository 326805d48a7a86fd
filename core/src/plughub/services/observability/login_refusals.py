"""Logins that are refused: told, logged and kept in the audit trail as often as makes sense."""

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
    """Refusals that are not told yet, and the reason of the last."""

    number: int
    reason: str


class LoginRefusals:
    """Tells of logins that are refused.

    The first of a name from an address in a minute is reported at once, further ones of that minute together
    with their number. Beyond a ceiling for each hour only their total is reported.

    Args:
        events: tells plugins, and with them the audit trail.
        ceiling: events in an hour.
    """

    def __init__(self, events: EventPublisher, ceiling: int) -> None:
        self._events = events
        self._ceiling = RateLimit(each=1, total=ceiling)
        self._counts: dict[tuple[str, str], _Count] = {}
        self._most = ceiling
        self._beyond = 0

    def refused(self, name: str, remote_ip: str, reason: str) -> None:
        """Note that a login was refused.

        Args:
            name: as it was sent.
            remote_ip: address of the browser.
            reason: why.
        """
        name = name[:MAX_USERNAME]
        if self._ceiling.take(f"{name}\0{remote_ip}", monotonic()):
            log.warning("login of %s from %s refused: %s", shorten(name), remote_ip or "?", reason)
            self._tell(name, remote_ip, reason=reason[:_REASON])
            return
        count = self._counts.get((name, remote_ip))
        if count is not None:
            count.number, count.reason = count.number + 1, reason
        elif self._ceiling.reached or len(self._counts) >= self._most:
            self._beyond += 1
        else:
            self._counts[name, remote_ip] = _Count(1, reason)

    async def run(self) -> None:
        """Report what was counted, once a minute, until cancelled."""
        while True:
            await asyncio.sleep(MINUTE)
            self.flush()

    def flush(self) -> None:
        """Tell what was counted."""
        counts, self._counts = self._counts, {}
        beyond, self._beyond = self._beyond, 0
        for (name, remote_ip), count in counts.items():
            if not self._ceiling.take(f"{name}\0{remote_ip}\0", monotonic()):
                beyond += count.number
                continue
            more = "login of %s from %s refused %d more times: %s"
            log.warning(more, shorten(name), remote_ip or "?", count.number, count.reason)
            self._tell(name, remote_ip, reason=count.reason[:_REASON], count=count.number)
        if beyond:
            reason = "more refused logins than are reported one by one in an hour"
            log.warning("%s: %d", reason, beyond)
            self._tell("", "", reason=reason, count=beyond)

    def _tell(self, name: str, remote_ip: str, **facts: Any) -> None:
        self._events.tell(EventKind.LOGIN_REFUSED, name, by=Actor(remote_ip=remote_ip), **facts)
