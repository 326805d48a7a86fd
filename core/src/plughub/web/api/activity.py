"""Activity reports of servers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.web.api.base import APIHandler
from plughub.web.authorization import of_user, requires
from plughub.web.bodies import OBJECT, TEXT
from plughub.web.description import call


class ActivityHandler(APIHandler):
    """``/hub/api/users/:name/activity``."""

    @call(errors=(404,), body={"last_activity": TEXT, "servers": OBJECT})
    @requires("users:activity", about=of_user)
    async def post(self, name: str) -> None:
        """Record the activity of a user and of the user's servers."""
        body = self.checked_body("activity")
        at = parse_time(body["last_activity"]) if body.get("last_activity") else None
        servers = _servers(body.get("servers") or {})
        await self.services.activity.report(await self.find_user(name), at, servers)
        self.answer_nothing(200)


def parse_time(text: object) -> datetime:
    """Parse an ISO 8601 time; without a zone it is in UTC.

    Raises:
        InvalidError: the text is no time.
    """
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidError(f"Not a valid timestamp: {shorten(str(text))}") from error


def _servers(given: Any) -> Mapping[str, datetime]:
    message = "servers must be an object of the form {server_name: {last_activity: timestamp}}"
    if not isinstance(given, dict):
        raise InvalidError(message)
    times = {}
    for name, facts in given.items():
        if not isinstance(facts, dict) or "last_activity" not in facts:
            raise InvalidError(message)
        times[name] = parse_time(facts["last_activity"])
    return times
