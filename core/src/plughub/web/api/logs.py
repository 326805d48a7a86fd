"""Last lines that a server wrote, at once or as they are written."""

from __future__ import annotations

import contextlib
import time
from typing import Any, Final
from urllib.parse import quote

from tornado.iostream import StreamClosedError

from plughub.domain.errors import InvalidError
from plughub.domain.servers import ServerRecord
from plughub.domain.timings import LOG_STREAM_SECONDS, LOG_TAIL_SECONDS
from plughub.services.servers.logs import MOST_LINES, LogTail, has_log
from plughub.web.api.base import APIHandler
from plughub.web.api.event_streams import EventStreamHandler
from plughub.web.authorization import LOG_SCOPES, of_server, requires
from plughub.web.bodies import NUMBER, TEXT
from plughub.web.description import call
from plughub.web.languages import translated
from plughub.web.log_readers import note_reader

DEFAULT_LINES: Final = 200


class LogsHandler(APIHandler):
    """``…/logs``: the last lines."""

    @call(errors=(404,), query={"lines": NUMBER, "download": TEXT})
    @requires(*LOG_SCOPES, about=of_server)
    async def get(self, name: str, server: str = "") -> None:
        """Return the last lines, as JSON, or as a text file with ``download``."""
        record = await self.services.servers.get(name, server)
        wanted = self.get_argument("download", "")
        lines = await self.services.logs.read(record, self._lines(MOST_LINES if wanted else DEFAULT_LINES))
        note_reader(self, record)
        if not wanted:
            self.answer({"lines": lines, "live": has_log(record)})
            return
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        file = quote(f"{record.user}-{record.name}.log" if record.name else f"{record.user}.log", safe="")
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{file}")
        self.finish("".join(f"{line}\n" for line in lines))

    def _lines(self, default: int) -> int:
        text = self.get_argument("lines", "") or str(default)
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST_LINES))):
            raise InvalidError(f"lines must be a number from 0 to {MOST_LINES}")
        return min(int(text), MOST_LINES)


class LogStreamHandler(EventStreamHandler):
    """``…/logs/stream``: the last lines, then new ones as they are written.

    Each event is a JSON object: ``lines`` replace all lines from the number ``from`` on, and all lines if
    ``reset`` is true; ``live`` says whether more may follow; ``problem`` says why they cannot be read at
    present. The stream ends after an event that is not live, and after a minute. A client continues it with
    the id of the last event in the header ``Last-Event-ID``, as browsers do, or in ``since``.
    """

    @call(errors=(404, 429), query={"since": TEXT, "once": NUMBER})
    @requires(*LOG_SCOPES, about=of_server)
    async def get(self, name: str, server: str = "") -> None:
        """Stream the last lines of a server, and new ones; ``once`` ends the stream after the first event."""
        record = await self.services.servers.get(name, server)
        since = self.request.headers.get("Last-Event-ID") or self.get_argument("since", "")
        note_reader(self, record)
        with self.services.logs.stream(self.visitor.qualified_name):
            self.begin_events(continues=True)
            with contextlib.suppress(StreamClosedError):
                await self._stream(record, since)

    async def _stream(self, record: ServerRecord, since: str) -> None:
        ends = time.monotonic() + LOG_STREAM_SECONDS
        sent: LogTail | None = None
        updates = self.services.live_updates
        while not (self.is_closed or updates.is_closed) and time.monotonic() < ends:
            tail = await self.services.logs.tail(record.id)
            if tail is not sent:
                event = _event(tail, sent, since)
                if sent is None or event["lines"] or _facts(tail) != _facts(sent):
                    await self.send_event(event, f"{tail.series}:{tail.end}")
                sent = tail
            if not tail.is_live or self.get_argument("once", ""):
                return
            await self.keep_alive()
            await self.pause(LOG_TAIL_SECONDS)


def _facts(tail: LogTail) -> tuple[object, ...]:
    return tail.series, tail.end, tail.is_live, tail.problem


def _event(tail: LogTail, sent: LogTail | None, since: str) -> dict[str, Any]:
    """Return the event with what a reader lacks, after an earlier tail or an earlier stream."""
    if sent is not None and sent.series == tail.series:
        number = tail.unsent(sent)
    else:
        series, _, seen = since.partition(":")
        known = sent is None and series == tail.series and seen.isascii() and seen.isdigit()
        # The last line that the reader has may have changed.
        number = max(min(int(seen[:9]) - 1, tail.end), tail.first) if known else tail.first
    return {
        "reset": number == tail.first and (sent is None or sent.series != tail.series),
        "from": number,
        "lines": tail.since(number),
        "live": tail.is_live,
        "problem": translated(tail.problem),
    }
