"""The hub's own HTTP server: how long it waits for a client, and how much it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPMessageDelegate

from plughub.web.connections import MAX_AHEAD

if TYPE_CHECKING:
    from plughub.web.application import HubApplication

HEADER_SECONDS: Final = 60.0
"""For the headers of a request; an idle connection is closed after this, too."""
BODY_SECONDS: Final = 30.0
MAX_HEADERS: Final = 64 * 1024
CHUNK: Final = 16 * 1024
MAX_BUFFER: Final = MAX_AHEAD
"""The headers of a request, and what is read ahead: requests that a client sends before it has its answer."""


class HubServer(HTTPServer):
    """Serves the application.

    Args:
        application: the application; it decides how much of a body is read.
        more: further arguments of tornado's server.
    """

    def initialize(self, application: HubApplication, **more: Any) -> None:  # type: ignore[override]
        """Set the limits; tornado calls this in the place of ``__init__``."""
        self._held = application.connections
        super().initialize(
            application,
            chunk_size=CHUNK,
            max_header_size=MAX_HEADERS,
            max_buffer_size=MAX_BUFFER,
            idle_connection_timeout=HEADER_SECONDS,
            body_timeout=BODY_SECONDS,
            max_body_size=0,
            **more,
        )

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Wait for a request, the first or the next one of a connection."""
        connection = cast("Any", request_conn)
        self._held.waits(connection.context, connection.stream)
        return super().start_request(server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        """Forget a connection."""
        self._held.closed(cast("Any", server_conn).context)
        super().on_close(server_conn)


def read_ahead(stream: object) -> int:
    """Tell how much of later requests was read from a client that waits for an answer."""
    return int(cast("Any", stream)._read_buffer_size)  # noqa: SLF001 - tornado tells it nowhere else
