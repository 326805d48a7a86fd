"""Last activity of routes, read from HAProxy's stick table."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from plughub_haproxy.configuration import TABLE
from plughub_haproxy.runtime_socket import RuntimeSocket, RuntimeSocketError
from plughub_haproxy.timings import ACTIVITY_DAYS

_LINE: Final = re.compile(r"key=(?P<id>[0-9a-f]+) .*?exp=(?P<left>\d+)")
_OLD_WORKER: Final = re.compile(r"^(?P<pid>\d+)\s+worker\s")
_LIFETIME: Final = timedelta(days=ACTIVITY_DAYS)


async def last_activity(runtime: RuntimeSocket, master: RuntimeSocket) -> dict[str, datetime]:
    """Return the last activity of each used route: a request, or a byte in an open websocket.

    A replaced worker keeps its websockets, so old workers are queried too.

    Args:
        runtime: runtime socket of the worker.
        master: socket of the master process.

    Returns:
        UTC times by the id of the entry.
    """
    shown = [await runtime.query(f"show table {TABLE}")]
    for pid in await _old_workers(master):
        try:
            shown.append(await master.query(f"@!{pid} show table {TABLE};quit"))
        except RuntimeSocketError:
            continue
    latest: dict[str, datetime] = {}
    for text in shown:
        for found, when in read_table(text, datetime.now(UTC)).items():
            latest[found] = max(when, latest.get(found, when))
    return latest


def read_table(text: str, now: datetime) -> dict[str, datetime]:
    """Parse HAProxy's output for the table, and return the times by id.

    Each use resets an entry to its full lifetime, so its remaining lifetime gives the time of the last use.
    """
    return {
        line["id"]: now - (_LIFETIME - timedelta(milliseconds=int(line["left"])))
        for line in _LINE.finditer(text)
    }


async def _old_workers(master: RuntimeSocket) -> list[str]:
    try:
        _, found, rest = (await master.query("show proc;quit")).partition("# old workers")
    except RuntimeSocketError:
        return []
    lines = rest.partition("# programs")[0].splitlines() if found else []
    return [match["pid"] for line in lines if (match := _OLD_WORKER.match(line))]
