"""The announcement on all pages."""

from __future__ import annotations

from typing import Any, Final

from plughub.domain.announcements import Announcement
from plughub.domain.clock import isoformat
from plughub.domain.errors import InvalidError
from plughub.web.api.activity import parse_time
from plughub.web.api.base import APIHandler
from plughub.web.api.usage_reports import moment
from plughub.web.authorization import requires
from plughub.web.bodies import TEXT
from plughub.web.description import call

SCOPE: Final = "announce"


class AnnouncementHandler(APIHandler):
    """``/hub/api/announcement``. Everyone may read it, because the login page shows it."""

    @call(open=True)
    async def get(self) -> None:
        """Return the announcement; its values are null if there is none."""
        self.answer(announcement_model(await self.services.announcements.current()))

    @call(body={"message": TEXT, "severity": TEXT, "until": TEXT})
    @requires(SCOPE)
    async def put(self) -> None:
        """Replace the announcement. It is shown until an optional time."""
        body = self.checked_body("announcement")
        message = body.get("message")
        if message is None:
            raise InvalidError("announcement.message is missing")
        until = parse_time(body["until"]).timestamp() if body.get("until") else None
        new = await self.services.announcements.set(
            message, body.get("severity") or "", until, self.visitor.qualified_name
        )
        self.emit_event("announce", "", severity=new.severity.value, message=new.message[:200])
        self.answer(announcement_model(new))

    @call(success=(204,))
    @requires(SCOPE)
    async def delete(self) -> None:
        """Remove the announcement."""
        await self.services.announcements.remove()
        self.emit_event("remove-announcement", "")
        self.answer_nothing(204)


def announcement_model(announcement: Announcement | None) -> dict[str, Any]:
    """Return an announcement as JSON, without its author."""
    if announcement is None:
        return {"message": None, "severity": None, "until": None}
    until = announcement.until
    return {
        "message": announcement.message,
        "severity": announcement.severity.value,
        "until": None if until is None else isoformat(moment(until)),
    }
