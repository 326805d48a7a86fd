"""Progress of a start as server-sent events."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from markupsafe import Markup, escape
from tornado.iostream import StreamClosedError

from plughub.domain.errors import NotFoundError
from plughub.domain.overlaps import overlap
from plughub.domain.servers import Failure, ProgressReport, ServerRecord
from plughub.domain.words import _
from plughub.services.addresses import link_to_server, server_prefix
from plughub.web.api.event_streams import EventStreamHandler
from plughub.web.authorization import of_server, requires
from plughub.web.description import call
from plughub.web.languages import gettext, known, translated

READY: Final = 100
"""Per cent. A plugin's report of this much is held back until the server is ready."""
Event = Mapping[str, Any]


class ProgressHandler(EventStreamHandler):
    """``…/progress``: events for each step, the place in the queue, and the result."""

    @call(errors=(404,))
    @requires("read:servers", about=of_server)
    async def get(self, name: str, server: str = "") -> None:
        """Stream the events of a start until it ends."""
        record = await self.services.servers.get(name, server)
        if record.pending != "spawn" and not record.running and record.failure is None:
            raise NotFoundError(f"{record.full_name} is not starting")
        self.begin_events()
        with contextlib.suppress(StreamClosedError):
            await self._stream(record)

    async def _stream(self, record: ServerRecord) -> None:
        steps = ProgressReports()
        async with contextlib.aclosing(self.services.servers.changes(record)) as changes:
            async for current in changes:
                record = current
                if self.is_closed:
                    return
                if record.pending != "spawn":
                    break
                for event in steps.new(record):
                    await self.send_event(event)
                await self.keep_alive()
        await self.send_event(self._end(record, steps.last))

    def _end(self, record: ServerRecord, last: Event) -> Event:
        if record.running:
            url = server_prefix(self.services.settings, record)
            where = link_to_server(self.services.settings, record)
            shown = Markup('<a href="{0}">{0}</a>').format(where)
            link = Markup(gettext("Server ready at %(url)s")) % {"url": shown}  # noqa: S704 - of the catalogue
            return {
                "progress": 100,
                "ready": True,
                "message": translated(_("Server ready at %(url)s", url=where)),
                "html_message": str(link),
                "url": url,
                **last,
            }
        if record.failure is not None:
            about = of_server(record.user, record.name)
            return failed_event(record.failure, details=self.may_see_details(about))
        return {"progress": 100, "failed": True, "message": gettext("Spawn cancelled")}


class ProgressReports:
    """Filter for new events: a start keeps only its last reports, so successive snapshots overlap."""

    def __init__(self) -> None:
        self._requested = False
        self._place: int | None = None
        self._seen: tuple[ProgressReport, ...] = ()
        self.last: Event = {}

    def new(self, record: ServerRecord) -> Iterator[Event]:
        """Return the events that were not returned before.

        Args:
            record: the starting server.

        Yields:
            Events.
        """
        if not self._requested:
            self._requested = True
            yield {"progress": 0, "message": gettext("Server requested")}
        operation = record.operation
        if operation is None:
            return
        # A user's further servers queue behind other users' first ones. Report a place only when it improves.
        if operation.place is not None and (self._place is None or operation.place < self._place):
            self._place = operation.place
            yield {"progress": 0, "message": place_in_queue(operation.place), "place": operation.place}
        fresh = operation.progress[overlap(self._seen, operation.progress) :]
        self._seen = operation.progress
        for report in fresh:
            texts = {"message": known(report.message)} | (
                {"html_message": report.html} if report.html else {}
            )
            if report.percent >= READY:
                self.last = texts
            else:
                yield {"progress": report.percent, **texts}


def place_in_queue(place: int) -> str:
    """Describe a place in the queue of starts; 1 is next."""
    if place == 1:
        return gettext("Waiting in the queue: next")
    return str(translated(_("Waiting in the queue: place %(place)d", place=place)))


def failed_event(failure: Failure, *, details: bool) -> Event:
    """Return the last event of a failed start; with `details` for administrators."""
    event: dict[str, Any] = {
        "progress": 100,
        "failed": True,
        "message": translated(_("Spawn failed: %(reason)s", reason=failure.describe(details=details))),
        "exit_code": failure.exit_code,
        "logs": list(failure.logs),
    }
    if failure.html:
        event["html_message"] = f"{escape(gettext('Spawn failed:'))} {failure.html}"
    return event
