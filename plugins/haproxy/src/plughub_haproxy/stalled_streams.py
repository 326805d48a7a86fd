"""Connections whose server has gone and whose client does not hang up.

HAProxy passes the end of a websocket's server on to the client and then waits for the client to hang up as
well, as long as an idle websocket may live: its ``timeout client-fin`` does not apply to HTTP. A
browser hangs up at once; a client that is half dead would hold its place for days.
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


class StalledStreams:
    """Finds and ends them. One that is seen by two looks is ended by the second.

    Args:
        runtime: socket of HAProxy.
    """

    def __init__(self, runtime: RuntimeSocket) -> None:
        self._runtime = runtime
        self._seen: frozenset[Stream] = frozenset()

    async def look(self) -> int:
        """Look for them.

        Returns:
            How many were ended.
        """
        shown = await self._runtime.ask("show sess")
        seen = await asyncio.to_thread(find_half_dead, shown)
        ending = seen & self._seen
        self._seen = seen - ending
        await self._runtime.tell(*(f"shutdown session {stream}" for stream, _ in sorted(ending)))
        return len(ending)


def find_half_dead(shown: str) -> frozenset[Stream]:
    """Find the streams that wait for nothing but a word from the client.

    Args:
        shown: answer to ``show sess``.

    Returns:
        Id and source of each.
    """
    return frozenset(
        (match["id"], match["source"])
        for match in _STREAM.finditer(shown)
        if match["from_client"] and not (match["to_client"] or match["from_server"] or match["to_server"])
    )
