"""What a round trip of 80 ms between browser and proxy costs, with TLS.

Everything runs on this machine; a relay delays each byte by half a round trip.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from bench.proxies import PATH, ProxySubject, subjects
from bench.rows import Measurement, Options, Part, Row, Value
from plughub.testing.backends import backend, hang_up, raw_server
from plughub.testing.http2 import any_certificate, http2
from plughub.testing.latency_proxy import LatencyProxy

TRIP = 0.08
"""Seconds of a round trip."""
LARGE = 20_000_000
EVENTS = 10
MESSAGES = 20
HEAD = "{} " + PATH + "{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n"


def at_echo(subject: ProxySubject, work: Callable[[int], Awaitable[float]]) -> Sequence[Value]:
    """Do something with a server that counts bodies and echoes messages, behind a slow line."""

    async def measured() -> float:
        async with backend("ada") as ada, LatencyProxy(subject.port, delay=TRIP / 2) as line:
            await subject.proxy.add(PATH, ada.url)
            return await work(line.port)

    return [subject.run(measured())]


def at_stream(subject: ProxySubject, work: Callable[[int], Awaitable[Sequence[Value]]]) -> Sequence[Value]:
    """Do something with a server that sends much, or in chunks, behind a slow line."""

    async def measured() -> Sequence[Value]:
        async with raw_server(serve) as raw, LatencyProxy(subject.port, delay=TRIP / 2) as line:
            await subject.proxy.add(PATH, raw)
            return await work(line.port)

    return subject.run(measured())


def upload(subject: ProxySubject, *, over_http2: bool) -> Sequence[Value]:
    """Upload 20 MB."""
    if over_http2 and not subject.has_http2:
        return [None]
    return at_echo(subject, upload_http2 if over_http2 else upload_http1)


def measurements(_: Options) -> Sequence[Measurement]:
    """Return the measurements of slow lines."""
    return [
        _one("upload-http1", "20 MB up, HTTP/1.1", "s", partial(upload, over_http2=False)),
        _one("upload-http2", "20 MB up, HTTP/2", "s", partial(upload, over_http2=True)),
        _one("frame", "10 MB in a websocket, there and back", "s", partial(at_echo, work=frame)),
        _one("message", "20 KB in a websocket, there and back", "ms", partial(at_echo, work=message)),
        _one("download", "20 MB down", "s", partial(at_stream, work=download)),
        Measurement(
            (
                Row("first-byte", "from a request to the first chunk of its stream", "ms"),
                Row("chunk", "a chunk of a stream, from server to browser", "ms"),
            ),
            partial(at_stream, work=lateness),
        ),
    ]


def _one(name: str, title: str, unit: str, measure: Callable[[ProxySubject], Sequence[Value]]) -> Measurement:
    return Measurement((Row(name, title, unit),), measure)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send 20 MB, or chunks that contain the time of sending."""
    head = await reader.readuntil(b"\r\n\r\n")
    if b"/large" in head:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
        for _ in range(LARGE // 100_000):
            writer.write(bytes(100_000))
            await writer.drain()
        return
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
    for _ in range(EVENTS):
        event = f"{time.monotonic():.6f}\n".encode()
        writer.write(b"%x\r\n%s\r\n" % (len(event), event))
        await writer.drain()
        await asyncio.sleep(0.2)
    writer.write(b"0\r\n\r\n")


async def upload_http2(port: int) -> float:
    """Upload over HTTP/2 and return the seconds."""
    async with http2(port) as client:
        await client.request("POST", PATH, body=b"x")
        begin = time.monotonic()
        await client.request("POST", f"{PATH}large", body=bytes(LARGE))
        return time.monotonic() - begin


async def upload_http1(port: int) -> float:
    """Upload over HTTP/1.1 and return the seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=any_certificate("http/1.1"))
    writer.write(HEAD.format("GET", "", 0).encode())
    await reader.readuntil(b'"body_length": 0}')
    begin = time.monotonic()
    writer.write(HEAD.format("POST", "large", LARGE).encode() + bytes(LARGE))
    await reader.readuntil(b'"body_length": %d}' % LARGE)
    writer.close()
    return time.monotonic() - begin


async def download(port: int) -> Sequence[Value]:
    """Download over HTTP/1.1 and return the seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=any_certificate("http/1.1"))
    begin = time.monotonic()
    writer.write(HEAD.format("GET", "large", 0).encode())
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(LARGE)
    writer.close()
    return [time.monotonic() - begin]


async def lateness(port: int) -> Sequence[Value]:
    """Return the milliseconds to the first chunk of a stream, and the median delay of all chunks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=any_certificate("http/1.1"))
    begin, first = time.monotonic(), 0.0
    writer.write(HEAD.format("GET", "events", 0).encode())
    await reader.readuntil(b"\r\n\r\n")
    late = []
    while int(await reader.readline(), 16):
        late.append(1000 * (time.monotonic() - float(await reader.readline())))
        first = first or 1000 * (time.monotonic() - begin)
        await reader.readline()
    writer.close()
    return first, statistics.median(late)


async def connect(port: int) -> WebSocketClientConnection:
    """Open a websocket."""
    request = HTTPRequest(f"wss://127.0.0.1:{port}{PATH}ws", validate_cert=False)
    client = await websocket_connect(request, max_message_size=LARGE)
    assert client.protocol is not None
    assert client.protocol.stream is not None
    client.protocol.stream.set_nodelay(True)  # as browsers do
    return client


async def frame(port: int) -> float:
    """Send a large frame, receive it back, and return the seconds."""
    client = await connect(port)
    begin = time.monotonic()
    await client.write_message(bytes(LARGE // 2), binary=True)
    await client.read_message()
    seconds = time.monotonic() - begin
    await hang_up(client)
    return seconds


async def message(port: int) -> float:
    """Return the median milliseconds of a kernel's message and its answer."""
    client, waits = await connect(port), []
    for _ in range(MESSAGES):
        begin = time.monotonic()
        await client.write_message("x" * 20_000)
        await client.read_message()
        waits.append(1000 * (time.monotonic() - begin))
    await hang_up(client)
    return statistics.median(waits)


PART = Part("lines", partial(subjects, secure=True), measurements)
