"""Connections whose server has closed and whose client does not close.

HAProxy passes the end of a server's websocket on to the client, and then waits for the client to close as
long as an idle websocket may live: its ``timeout client-fin`` does not apply to HTTP. A browser closes at
once; a dead client would keep its connection for days.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

from plughub_haproxy.runtime_socket import RuntimeSocket

_STREAM: Final = re.compile(
    r"^(?P<id>0x[0-9a-f]+): .*?src=(?P<source>\S+) .*?"
    r"scf=\[8,[^]]*rex=(?P<from_client>\w*),wex=(?P<to_client>\w*)\] "
    r"scb=\[8,[^]]*rex=(?P<from_server>\w*),wex=(?P<to_server>\w*)\]",
    re.MULTILINE,
)

Stream = tuple[str, str]


CHECKS_BETWEEN_SWEEPS: Final = 10
"""Liveness checks between two sweeps, if there are few streams."""
STREAMS_PER_CHECK: Final = 100
"""Streams for each further check between two sweeps.

A sweep lists all streams, which takes 3.5 ms of CPU for each thousand. So all sweeps together take at most a
third of a millisecond in each second, however many streams there are.
"""


class StalledStreams:
    """Finds and ends stalled streams: a stream that two consecutive sweeps find is ended.

    Args:
        runtime: runtime socket of the worker.
    """

    def __init__(self, runtime: RuntimeSocket) -> None:
        self._runtime = runtime
        self._seen: frozenset[Stream] = frozenset()
        self._checks_left = CHECKS_BETWEEN_SWEEPS

    async def check(self) -> None:
        """Sweep if it is time; called with each liveness check."""
        self._checks_left -= 1
        if self._checks_left <= 0:
            self._checks_left = CHECKS_BETWEEN_SWEEPS
            await self.sweep()

    async def sweep(self) -> int:
        """Find stalled streams, and return how many were ended."""
        shown = await self._runtime.query("show sess")
        self._checks_left = max(CHECKS_BETWEEN_SWEEPS, shown.count("\n") // STREAMS_PER_CHECK)
        seen = await asyncio.to_thread(find_stalled, shown)
        ending = seen & self._seen
        self._seen = seen - ending
        await self._runtime.execute(*(f"shutdown session {stream}" for stream, _ in sorted(ending)))
        return len(ending)


def find_stalled(shown: str) -> frozenset[Stream]:
    """Return id and source of the streams in which only the client has not closed.

    Args:
        shown: output of ``show sess``.
    """
    return frozenset(
        (match["id"], match["source"])
        for match in _STREAM.finditer(shown)
        if match["from_client"] and not (match["to_client"] or match["from_server"] or match["to_server"])
    )
