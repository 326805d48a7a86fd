"""When a route was last used, read from HAProxy's stick table."""

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
    """Tell when each route was last used: a request, or a byte in an open websocket.

    A worker that was replaced keeps its websockets, and what it knows of them is asked for too.

    Args:
        runtime: socket of the worker.
        master: socket of the master.

    Returns:
        Times in UTC by the id of the entry; none for routes that were never used.
    """
    shown = [await runtime.ask(f"show table {TABLE}")]
    for pid in await _old_workers(master):
        try:
            shown.append(await master.ask(f"@!{pid} show table {TABLE};quit"))
        except RuntimeSocketError:
            continue
    latest: dict[str, datetime] = {}
    for text in shown:
        for found, when in read_table(text, datetime.now(UTC)).items():
            latest[found] = max(when, latest.get(found, when))
    return latest


def read_table(text: str, now: datetime) -> dict[str, datetime]:
    """Read what HAProxy shows of the table.

    An entry is touched with each use and from then on lives its full time, so the time it has left tells
    when that was.

    Args:
        text: the table.
        now: the time at which it was read.

    Returns:
        Times by id.
    """
    return {
        line["id"]: now - (_LIFETIME - timedelta(milliseconds=int(line["left"])))
        for line in _LINE.finditer(text)
    }


async def _old_workers(master: RuntimeSocket) -> list[str]:
    try:
        _, found, rest = (await master.ask("show proc;quit")).partition("# old workers")
    except RuntimeSocketError:
        return []
    lines = rest.partition("# programs")[0].splitlines() if found else []
    return [match["pid"] for line in lines if (match := _OLD_WORKER.match(line))]
