"""Measure what a round trip between browser and proxy costs, with HAProxy and configurable-http-proxy.

    .venv/bin/python bench/lines.py [--trips 0 20 80] [--proxies haproxy chp]

Everything runs on this machine; a relay delays each byte by half a round trip.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from plughub.classes.tls.certificates import HUB, CertificateFolder
from plughub.kinds import ProxySettings
from plughub.testing.backends import backend, hang_up, raw_server
from plughub.testing.contracts.proxy_under_test import ProxyUnderTest, running
from plughub.testing.http2 import any_certificate, http2
from plughub.testing.latency_proxy import LatencyProxy
from plughub.testing.ports import free_port
from plughub_chp import ConfigurableHTTPProxy
from plughub_haproxy import HAProxyProxy

LARGE = 20_000_000
EVENTS = 20
MESSAGES = 30
PATH = "/user/ada/"
HEAD = "{} " + PATH + "{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n"


async def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trips", type=int, nargs="*", default=[0, 20, 80], help="milliseconds")
    parser.add_argument("--proxies", nargs="*", default=["haproxy", "chp"])
    given = parser.parse_args()
    rows: dict[str, list[str]] = {}
    for name in given.proxies:
        async with proxy(name) as started:
            for trip in given.trips:
                async with LatencyProxy(started.port, delay=trip / 2000) as line:
                    for what, result in (await measure(started, line, h2=name == "haproxy")).items():
                        rows.setdefault(what, []).append(result)
    heads = [f"{name}, {trip} ms" for name in given.proxies for trip in given.trips]
    print(f"| | {' | '.join(heads)} |\n|---{'|---' * len(heads)}|")
    for what, results in rows.items():
        print(f"| {what} | {' | '.join(results)} |")


@asynccontextmanager
async def proxy(name: str) -> AsyncIterator[ProxyUnderTest]:
    """Run a proxy with TLS."""
    with tempfile.TemporaryDirectory() as folder:
        certificates = CertificateFolder(Path(folder, "ssl"))
        certificates.prepare()
        files = certificates.issue("public", HUB, ["localhost"])
        settings = ProxySettings(
            ip="127.0.0.1", port=free_port(), hub_url="http://127.0.0.1:9",
            ssl_cert=files.certfile, ssl_key=files.keyfile,
        )  # fmt: skip
        api_url, place = f"http://127.0.0.1:{free_port()}", Path(folder, "proxy")
        make: Callable[[], object] = (
            (lambda: HAProxyProxy(runtime_dir=place))
            if name == "haproxy"
            else (lambda: ConfigurableHTTPProxy(runtime_dir=place, api_url=api_url))
        )
        async with running(make, settings) as started:
            yield started


async def measure(started: ProxyUnderTest, line: LatencyProxy, *, h2: bool) -> dict[str, str]:
    """Run all measurements with one round-trip time."""
    upload = upload_http2 if h2 else upload_http1
    async with backend("ada") as ada, raw_server(serve) as raw:
        await started.add(PATH, ada.url)
        rows = {
            "20 MB up, s": f"{await upload(line.port):.2f}",
            "answer to a message of 20 KB in a websocket, ms": await message(line.port),
            "10 MB in a websocket, there and back, s": f"{await frame(line.port):.2f}",
        }
        await started.add(PATH, raw)
        rows["20 MB down, s"] = f"{await download(line.port):.2f}"
        rows["a chunk of a stream, ms after it was sent"] = await lateness(line.port)
        return rows


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
        await asyncio.sleep(0.3)
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


async def download(port: int) -> float:
    """Download over HTTP/1.1 and return the seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=any_certificate("http/1.1"))
    begin = time.monotonic()
    writer.write(HEAD.format("GET", "large", 0).encode())
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(LARGE)
    writer.close()
    return time.monotonic() - begin


async def lateness(port: int) -> str:
    """Return the median delay of chunks of a stream."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=any_certificate("http/1.1"))
    writer.write(HEAD.format("GET", "events", 0).encode())
    await reader.readuntil(b"\r\n\r\n")
    late = []
    while int(await reader.readline(), 16):
        late.append(1000 * (time.monotonic() - float(await reader.readline())))
        await reader.readline()
    writer.close()
    return f"{statistics.median(late):.0f}"


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


async def message(port: int) -> str:
    """Return the median round trip of a kernel's message."""
    client, waits = await connect(port), []
    for _ in range(MESSAGES):
        begin = time.monotonic()
        await client.write_message("x" * 20_000)
        await client.read_message()
        waits.append(1000 * (time.monotonic() - begin))
    await hang_up(client)
    return f"{statistics.median(waits):.0f}"


if __name__ == "__main__":
    asyncio.run(main())
