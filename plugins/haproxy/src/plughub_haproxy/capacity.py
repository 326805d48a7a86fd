"""Number of connections that HAProxy can have, which follows from its limit of open files.

Source:
    HAProxy Management Guide, section 9.3, ``show info``: ``CurrConns``, ``Maxconn``, ``MaxconnReached``.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from plughub_haproxy.runtime_socket import RuntimeSocket

NEARLY_FULL: Final = 0.9
"""Share of the connections in use from which a warning is logged."""


class Capacity:
    """Warns when HAProxy runs out of connections: further clients wait without an answer.

    Args:
        runtime: runtime socket of the worker.
        log: the proxy's logger.
    """

    def __init__(self, runtime: RuntimeSocket, log: logging.Logger | logging.LoggerAdapter[Any]) -> None:
        self._runtime, self._log = runtime, log
        self._reached = 0
        self._is_full = False

    async def check(self) -> None:
        """Log a warning if connections are nearly or were completely used up since the last check."""
        lines = (await self._runtime.query("show info")).splitlines()
        facts = dict(line.split(": ", 1) for line in lines if ": " in line)
        current, maximum, reached = (int(facts[key]) for key in ("CurrConns", "Maxconn", "MaxconnReached"))
        was_full, self._is_full = self._is_full, current > maximum * NEARLY_FULL or reached > self._reached
        self._reached = reached
        if self._is_full and not was_full:
            self._log.warning(
                "HAProxy has %d connections and can have %d; beyond that, clients wait without an answer. "
                "Each takes two open files: raise the hard limit (LimitNOFILE of a systemd unit, or "
                "ulimit -Hn), then stop and start hub and proxy",
                current,
                maximum,
            )
