"""A relay between tests and the engine that can delay requests."""

from __future__ import annotations

import http.client
import socket
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final, Self

ENGINE: Final = "/var/run/docker.sock"
_TIMEOUT: Final = 120
_NEEDLESS: Final = frozenset({"host", "connection", "transfer-encoding", "content-length"})


class Relay:
    """Relay for complete requests to the engine; it does not support streams.

    Args:
        folder: folder of its socket.
        before: called with method and path of each request, which it may delay.
        after: called with method, path and status of each response, which it may delay.
    """

    def __init__(
        self,
        folder: Path,
        *,
        before: Callable[[str, str], None] = lambda *_: None,
        after: Callable[[str, str, int], None] = lambda *_: None,
    ) -> None:
        self.before, self.after = before, after
        path = folder / "engine.sock"
        self.url = f"unix://{path}"
        self._server = _Server(str(path), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore the error: a killed hub receives no response."""


class _Engine(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(ENGINE)


def _handler_of(relay: Relay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            relay.before(self.command, self.path)
            status, headers, content = _ask(self.command, self.path, body, dict(self.headers.items()))
            relay.after(self.command, self.path, status)
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in _NEEDLESS:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_DELETE = do_PUT = do_HEAD = do_GET  # noqa: N815 - names of the base class

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - name in the base class
            """Log nothing."""

    return Handler


def _ask(
    method: str, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, list[tuple[str, str]], bytes]:
    engine = _Engine("engine")
    try:
        engine.request(method, path, body=body, headers=headers)
        answer = engine.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        engine.close()
