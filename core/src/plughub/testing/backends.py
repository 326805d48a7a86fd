"""Small web servers for tests of proxies, and clients that send exactly the given bytes.

``python -m plughub.testing.backends NAME`` runs one in a process of its own and prints its port.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketClientConnection, WebSocketHandler

_TIMEOUT: Final = 20.0


class _Echo(RequestHandler):
    """Handler that returns the request as JSON, with status 200."""

    def _answer(self) -> None:
        name = self.application.settings["name"]
        self.set_header("Content-Type", "application/json")
        if self.request.path.endswith("/worker.js"):
            self.set_header("Service-Worker-Allowed", "/")
        self.finish(
            json.dumps(
                {
                    "name": name,
                    "method": self.request.method,
                    "uri": self.request.uri,
                    "headers": dict(self.request.headers),
                    "body_length": len(self.request.body),
                }
            )
        )

    get = post = put = delete = _answer


class _Events(RequestHandler):
    """Handler that sends an event, then waits until the client disconnects."""

    async def get(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self._gone = asyncio.Event()
        self.write("data: first\n\n")
        await self.flush()
        await self._gone.wait()

    def on_connection_close(self) -> None:
        self._gone.set()


class _Socket(WebSocketHandler):
    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))

    def check_origin(self, origin: str) -> bool:  # noqa: ARG002 - any will do
        return True


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Serves one connection."""


@asynccontextmanager
async def raw_server(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Run a server that writes raw bytes.

    Args:
        handler: serves a connection, which is closed after it.
        context: makes it speak TLS.

    Yields:
        The target of a route to it.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(slots=True)
class Backend:
    """A running web server.

    Attributes:
        name: what it answers with.
        port: of its address.
        server: the server itself.
        host: its address.
        scheme: of its URL.
    """

    name: str
    port: int
    server: HTTPServer = field(repr=False)
    host: str = "127.0.0.1"
    scheme: str = "http"

    @property
    def url(self) -> str:
        """The target of a route to it."""
        return f"{self.scheme}://{self.host}:{self.port}"

    async def close(self) -> None:
        """Stop it and cut its connections."""
        self.server.stop()
        await self.server.close_all_connections()


def open_backend(
    name: str, port: int = 0, *, host: str = "127.0.0.1", context: ssl.SSLContext | None = None
) -> Backend:
    """Start a web server in this process.

    Args:
        name: what it answers with.
        port: where; 0 for any.
        host: address of this machine.
        context: for TLS; None for plain HTTP.

    Returns:
        The server.
    """
    application = Application([(r".*/ws", _Socket), (r".*/events", _Events), (r".*", _Echo)], name=name)
    application.settings["log_function"] = lambda _: None
    application.settings["websocket_max_message_size"] = 1 << 26
    server = HTTPServer(application, max_header_size=256 * 1024, ssl_options=context)
    sockets = bind_sockets(port, host, backlog=2048)
    server.add_sockets(sockets)
    return Backend(name, sockets[0].getsockname()[1], server, host, "https" if context else "http")


@asynccontextmanager
async def backend(name: str) -> AsyncIterator[Backend]:
    """Run a web server on 127.0.0.1 in this process.

    Args:
        name: what it answers with.
    """
    running = open_backend(name)
    try:
        yield running
    finally:
        await running.close()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Attributes:
        status: HTTP status.
        headers: by lower-case name.
        body: the body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def name(self) -> str:
        """The `Backend` that answered; empty when none did."""
        try:
            return str(json.loads(self.body)["name"])
        except (ValueError, KeyError, TypeError):
            return ""


async def ask(
    port: int, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Reply:
    """Send one request, with the path exactly as it is given, and read the answer.

    Args:
        port: of 127.0.0.1.
        path: path and query.
        method: of the request.
        headers: further headers.
        body: of the request.

    Returns:
        The answer.
    """
    async with asyncio.timeout(_TIMEOUT):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            length = {"Content-Length": str(len(body))} if body else {}
            lines = {"Host": f"127.0.0.1:{port}", "Connection": "close", **length, **(headers or {})}
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
            await writer.drain()
            return await _read_reply(reader)
        finally:
            writer.close()


async def open_websocket(port: int, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a websocket and return the raw connection, which answers neither pings nor closes.

    Args:
        port: of 127.0.0.1.
        path: of the websocket.

    Returns:
        Reader and writer.
    """
    async with asyncio.timeout(_TIMEOUT):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101"):
        writer.close()
        raise ConnectionError(f"no websocket at {path}: {head[:80]!r}")
    return reader, writer


async def hang_up(client: WebSocketClientConnection) -> None:
    """Close a websocket and wait until it is closed.

    Args:
        client: the client's end.
    """
    client.close()
    async with asyncio.timeout(_TIMEOUT):
        while await client.read_message() is not None:
            pass


async def _read_reply(reader: asyncio.StreamReader) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if "chunked" in headers.get("transfer-encoding", ""):
        body = b"".join([chunk async for chunk in _chunks(reader)])
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = await reader.read()
    return Reply(int(head[0].split()[1]), headers, body)


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int((await reader.readline()).strip() or b"0", 16):
        yield await reader.readexactly(size)
        await reader.readline()


async def _run(name: str) -> None:
    running = open_backend(name)
    sys.stdout.write(f"{running.port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1]))
