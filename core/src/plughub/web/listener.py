"""The hub's HTTP server with its timeouts and size limits."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final, cast

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPMessageDelegate
from tornado.iostream import IOStream

from plughub.domain.timings import BODY_SECONDS, HEADER_SECONDS
from plughub.web.connections import MAX_AHEAD

if TYPE_CHECKING:
    from plughub.web.application import HubApplication

MAX_HEADERS: Final = 64 * 1024
LOCAL_ADDRESS: Final = "127.0.0.1"
"""Address of clients that connect to a Unix socket."""
CHUNK: Final = 16 * 1024
MAX_BUFFER: Final = MAX_AHEAD
"""Limit for headers and for pipelined requests that are read ahead."""


class HubServer(HTTPServer):
    """HTTP server of the application, which decides how much of each body is read."""

    def initialize(self, application: HubApplication, **more: Any) -> None:  # type: ignore[override]
        """Set the limits. Tornado calls this instead of ``__init__``."""
        self._registry = application.connections
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

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Serve a new connection, whose packets are sent without waiting for more.

        Tornado switches this off and on for each response, although it passes most responses in one piece.
        """
        stream.set_nodelay(True)
        stream.set_nodelay = _keep_nodelay  # type: ignore[method-assign]
        super().handle_stream(stream, address)

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Mark a connection as waiting for its first or next request."""
        connection = cast("Any", request_conn)
        if connection.context.address_family == socket.AF_UNIX:
            connection.context.remote_ip = LOCAL_ADDRESS  # tornado's stand-in would be a public address
        self._registry.mark_waiting(connection.context, connection.stream)
        return super().start_request(server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        """Remove a closed connection from the registry."""
        self._registry.remove(cast("Any", server_conn).context)
        super().on_close(server_conn)


def _keep_nodelay(value: bool) -> None:
    """Leave TCP_NODELAY set."""


def read_ahead(stream: object) -> int:
    """Return how many bytes of later requests were read from a client that waits for a response."""
    return int(cast("Any", stream)._read_buffer_size)  # noqa: SLF001 - tornado has no public counterpart
