"""Page that shows what a server writes."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from plughub.domain.servers import ServerRecord
from plughub.services.servers.logs import has_log
from plughub.web.authorization import LOG_SCOPES, of_server, requires
from plughub.web.languages import translated
from plughub.web.log_readers import note_reader
from plughub.web.pages.base import PageHandler

LINES: Final = 200
"""Lines that the page contains before its script follows the log."""


class LogPageHandler(PageHandler):
    """``/hub/logs/user[/server]``."""

    @requires(*LOG_SCOPES, about=of_server)
    async def get(self, name: str, server: str = "") -> None:
        """Show the last lines; a script follows the log."""
        record = await self.services.servers.get(name, server)
        groups = (await self.find_user(record.user)).groups
        tail = await self.services.logs.tail(record.id)
        note_reader(self, record)
        self.render_page(
            "logs.html",
            for_user=record.user,
            server_name=record.name,
            spawner=self.server_card(record, groups),
            lines=tail.lines[-LINES:],
            problem=translated(tail.problem),
            has_log=has_log(record),
            stream_url=log_stream_path(self, record),
            download_url=f"{self.api_path(record)}/logs?download=1",
            may_start=self.visitor.may(
                "start:servers", resource=of_server(record.user, record.name), groups=groups
            ),
        )


def log_stream_path(handler: PageHandler, server: ServerRecord) -> str:
    """Return the address of the stream of a server's log for the scripts of a page."""
    token = urlencode({"_xsrf": handler.xsrf_token.decode()})
    return f"{handler.api_path(server)}/logs/stream?{token}"
