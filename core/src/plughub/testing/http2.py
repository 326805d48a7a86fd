"""A small HTTP/2 client over TLS that respects the server's flow-control windows."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes

from plughub.testing.backends import Reply

_TIMEOUT: Final = 20.0
_BLOCK: Final = 65536


def any_certificate(*protocols: str) -> ssl.SSLContext:
    """Return a context that takes any certificate.

    Args:
        protocols: to offer, such as ``h2`` or ``http/1.1``.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(protocols)
    return context


@dataclass(slots=True)
class _Stream:
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    error: str = ""


class HTTP2Client:
    """One connection.

    Attributes:
        sent: bytes of bodies that the windows let through so far.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sent = 0
        self._reader, self._writer = reader, writer
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._streams: dict[int, _Stream] = {}
        self._moved = asyncio.Condition()
        self._h2.initiate_connection()
        self._flush()

    @property
    def offers_websockets(self) -> bool:
        """True when the server accepts websockets in this connection (RFC 8441)."""
        return bool(self._h2.remote_settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL, 0))

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        ends: bool = True,
    ) -> Reply:
        """Send a request and read the answer.

        Args:
            method: of the request.
            path: path and query.
            body: sent as fast as the windows allow.
            headers: further headers, in lower case.
            ends: False keeps the body open.

        Returns:
            The answer.

        Raises:
            ConnectionError: the server reset the stream or closed the connection.
        """
        number, stream = self._h2.get_next_available_stream_id(), _Stream()
        self._streams[number] = stream
        head = {":method": method, ":path": path, ":scheme": "https", ":authority": "localhost"}
        self._h2.send_headers(number, [*head.items(), *(headers or {}).items()], end_stream=not body)
        self._flush()
        sending = asyncio.create_task(self._send(number, stream, body, ends)) if body else None
        try:
            await stream.done.wait()
        finally:
            if sending is not None:
                sending.cancel()
        if stream.error:
            raise ConnectionError(stream.error)
        return Reply(int(stream.headers[":status"]), stream.headers, stream.body)

    async def receive(self) -> None:
        """Read what the server sends, until it closes the connection."""
        reason = "the server closed the connection"
        try:
            while data := await self._reader.read(_BLOCK):
                for event in self._h2.receive_data(data):
                    self._take(event)
                self._flush()
                async with self._moved:
                    self._moved.notify_all()
        except OSError as error:
            reason = str(error)
        for stream in self._streams.values():
            stream.error = stream.error or reason
            stream.done.set()

    async def _send(self, number: int, stream: _Stream, body: bytes, ends: bool) -> None:
        view = memoryview(body)
        while view and not stream.done.is_set():
            async with self._moved:
                await self._moved.wait_for(lambda: self._h2.local_flow_control_window(number) > 0)
            size = min(
                len(view), self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size
            )
            self._h2.send_data(number, bytes(view[:size]), end_stream=ends and size == len(view))
            self._flush()
            await self._writer.drain()
            view, self.sent = view[size:], self.sent + size

    def _take(self, event: Event) -> None:
        stream = self._streams.get(getattr(event, "stream_id", None) or 0)
        if stream is None:
            return
        match event:
            case ResponseReceived():
                stream.headers = {str(name): str(value) for name, value in event.headers}
            case DataReceived():
                stream.body += event.data
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                stream.done.set()
            case StreamReset():
                stream.error = f"the server reset the stream: {event.error_code!r}"
                stream.done.set()
            case _:
                pass

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._writer.write(data)


@asynccontextmanager
async def http2(port: int) -> AsyncIterator[HTTP2Client]:
    """Open a connection.

    Args:
        port: of 127.0.0.1, where a server speaks TLS.

    Yields:
        The client.

    Raises:
        ConnectionError: the server does not speak HTTP/2.
    """
    context = any_certificate("h2", "http/1.1")
    async with asyncio.timeout(_TIMEOUT):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            raise ConnectionError("the server does not speak HTTP/2")
        client = HTTP2Client(reader, writer)
        receiving = asyncio.create_task(client.receive())
        try:
            yield client
        finally:
            receiving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await receiving
    finally:
        writer.close()
