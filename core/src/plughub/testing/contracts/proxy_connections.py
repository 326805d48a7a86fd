"""The contract of proxies on real networks: windows, delayed chunks, slow clients, lost clients.

These tests do not depend on the speed of the machine, with one exception: 40 chunks in lockstep take 8 s if
each is delayed by the kernel's timer of 200 ms, and a few milliseconds if none is.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from tornado.websocket import websocket_connect

from plughub.classes.tls.certificates import HUB, CertificateFolder
from plughub.kinds import ProxySettings
from plughub.testing.backends import Backend, ask, hang_up, raw_server
from plughub.testing.conditions import until
from plughub.testing.contracts.proxy_under_test import Make, ProxyFixtures, ProxyUnderTest, running
from plughub.testing.http2 import any_certificate, http2
from plughub.testing.latency_proxy import LatencyProxy

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_CHUNKS: Final = 40
_LOCKSTEP_SECONDS: Final = 4
_UPLOAD: Final = 4_000_000
_PIECE: Final = bytes(1 << 20)
_PIECES: Final = 64
_FRAME: Final = 10_000_000
_TOO_LARGE: Final = 65_700
_EMPTY: Final = "Content-Length: 0"
_END: Final = b"\r\n\r\n"
_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class ProxyConnectionsContract(ProxyFixtures):
    """Behaviour with real networks and real clients between browser and proxy.

    Attributes:
        speaks_http2: with TLS, browsers can use HTTP/2.
        keeps_raced_requests: a request that takes an idle connection just when the server closes it is not
            lost; else the client reads that the server did not answer.
        passes_early_answers: an answer that a server gives before it has read the request's body reaches the
            client; else it may be lost, and the client reads that the server did not answer.
    """

    speaks_http2: bool = True
    keeps_raced_requests: bool = True
    passes_early_answers: bool = True

    async def test_an_upload_over_tls_waits_for_no_word_of_the_proxy(
        self, secure_proxy: ProxyUnderTest, alice: Backend
    ) -> None:
        await secure_proxy.add("/user/alice/", alice.url)
        upload = self._upload_http2 if self.speaks_http2 else self._upload_http1
        async with LatencyProxy(secure_proxy.port) as line:
            await upload(line)

    async def test_small_chunks_are_not_held_back_in_either_direction(self, proxy: ProxyUnderTest) -> None:
        arrived = asyncio.Queue[bytes]()

        async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(_END)
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(_CHUNKS):
                arrived.put_nowait(await _read_chunk(reader))
                writer.write(b"5\r\nevent\r\n")
                await writer.drain()
            writer.write(b"0\r\n\r\n")

        async with raw_server(stream) as url, asyncio.timeout(_LOCKSTEP_SECONDS):
            await proxy.add("/user/alice/", url)
            async with _connected(proxy.port) as (reader, writer):
                writer.write(_head("POST", "Transfer-Encoding: chunked"))
                for number in range(_CHUNKS):
                    writer.write(b"4\r\nasks\r\n")
                    assert await arrived.get() == b"asks"
                    if number == 0:
                        assert b" 200 " in await reader.readuntil(_END)
                    assert await _read_chunk(reader) == b"event"

    async def test_a_client_that_reads_slowly_slows_its_server_and_gets_everything(
        self, proxy: ProxyUnderTest
    ) -> None:
        sent = 0

        async def download(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            await reader.readuntil(_END)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (_PIECES * len(_PIECE)))
            for _ in range(_PIECES):
                writer.write(_PIECE)
                await writer.drain()
                sent += 1

        async with raw_server(download) as url:
            await proxy.add("/user/alice/", url)
            async with _connected(proxy.port) as (reader, writer):
                writer.write(_head("GET"))
                await reader.readuntil(_END)
                last = -1

                async def stands_still() -> bool:
                    nonlocal last
                    before, last = last, sent
                    return last == before

                await until(stands_still, pause=0.2)
                assert sent < _PIECES / 2, "the proxy keeps what its client does not read"
                for _ in range(_PIECES):
                    assert await reader.readexactly(len(_PIECE)) == _PIECE

    @pytest.mark.parametrize("has_answered", [True, False], ids=["while it streams", "before it answers"])
    async def test_a_server_notices_that_its_client_has_gone(
        self, proxy: ProxyUnderTest, *, has_answered: bool
    ) -> None:
        asked, gone = asyncio.Event(), asyncio.Event()

        async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(_END)
            if has_answered:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n")
            asked.set()
            try:
                await reader.read(1)
            finally:
                gone.set()

        async with raw_server(wait) as url, asyncio.timeout(10):
            await proxy.add("/user/alice/", url)
            async with _connected(proxy.port) as (reader, writer):
                writer.write(_head("GET"))
                await (reader.readuntil(b"first\n\n") if has_answered else asked.wait())
            await gone.wait()

    @pytest.mark.parametrize("head", [("GET",), ("GET", _EMPTY), ("POST", _EMPTY)], ids=" ".join)
    async def test_no_request_is_lost_to_a_server_that_closes_idle_connections(
        self, proxy: ProxyUnderTest, head: tuple[str, ...]
    ) -> None:
        async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(_END)
            writer.write(_OK)
            await writer.drain()
            # As one that closes an idle connection just when the next request is under way.
            await reader.read(1)

        statuses = set[bytes]()
        async with raw_server(answer_once) as url, asyncio.timeout(10):
            await proxy.add("/user/alice/", url)
            async with _connected(proxy.port) as (reader, writer):
                for _ in range(3):
                    writer.write(_head(*head))
                    statuses.add((await reader.readline()).split()[1])
                    if statuses != {b"200"}:
                        break
                    await reader.readuntil(_END + b"ok")
        assert statuses == {b"200"} if self.keeps_raced_requests else statuses <= {b"200", b"503"}

    async def test_a_body_that_waits_to_be_asked_for_and_one_without_a_length_arrive(
        self, proxy: ProxyUnderTest
    ) -> None:
        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(_END)).lower()
            if b"expect: 100-continue" in head:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            length = 0
            while chunk := await _read_chunk(reader):
                length += len(chunk)
            text = str(length).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))

        async with raw_server(take) as url, asyncio.timeout(10):
            await proxy.add("/user/alice/", url)
            async with _connected(proxy.port) as (reader, writer):
                writer.write(_head("POST", "Transfer-Encoding: chunked", "Expect: 100-continue"))
                assert b" 100 " in await reader.readuntil(_END)
                for _ in range(50):
                    writer.write(b"186a0\r\n" + bytes(100_000) + b"\r\n")
                writer.write(b"0\r\n\r\n")
                assert b" 200 " in await reader.readuntil(_END)
                assert await reader.readexactly(7) == b"5000000"

    async def test_an_answer_before_the_end_of_a_body_reaches_the_client(self, proxy: ProxyUnderTest) -> None:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(_END)
            writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        async with raw_server(refuse) as url, asyncio.timeout(10):
            await proxy.add("/user/alice/", url)
            with socket.create_connection(("127.0.0.1", proxy.port)) as client:
                client.setblocking(False)
                feeding = asyncio.create_task(_feed(client, _head("POST", "Content-Length: 100000000")))
                answer = await asyncio.get_running_loop().sock_recv(client, 4096)
                feeding.cancel()
        status = answer.split()[1]
        assert status in ({b"413"} if self.passes_early_answers else {b"413", b"503"})

    async def test_large_headers_pass_and_larger_ones_are_refused_in_words(
        self, proxy: ProxyUnderTest, alice: Backend
    ) -> None:
        await proxy.add("/user/alice/", alice.url)
        many = {f"X-{number}": "x" for number in range(300)}
        for headers, path in (({"Cookie": "a" * 30_000}, "x"), ({}, "x" * 30_000), (many, "x")):
            assert (await ask(proxy.port, f"/user/alice/{path}", headers=headers)).name == "alice"

        async with _connected(proxy.port) as (reader, writer), asyncio.timeout(10):
            writer.write(_head("GET", "Cookie: ").rstrip().ljust(_TOO_LARGE, b"a"))
            assert (await reader.readline()).split()[1] in {b"400", b"431"}
        assert await proxy.name_at("/user/alice/") == "alice"

    async def test_a_websocket_takes_frames_of_10_mb(self, proxy: ProxyUnderTest, alice: Backend) -> None:
        await proxy.add("/user/alice/", alice.url)
        client = await websocket_connect(
            f"ws://127.0.0.1:{proxy.port}/user/alice/ws", max_message_size=2 * _FRAME
        )
        await client.write_message(bytes(_FRAME), binary=True)
        assert await client.read_message() == bytes(_FRAME)
        await hang_up(client)

    async def test_what_is_compressed_arrives_as_it_was_sent(self, proxy: ProxyUnderTest) -> None:
        body, asked = gzip.compress(b"text " * 1000), asyncio.Queue[bytes]()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.put_nowait((await reader.readuntil(_END)).lower())
            lines = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\nContent-Length: %d"
            writer.write(lines % len(body) + _END + body)

        async with raw_server(answer) as url:
            await proxy.add("/user/alice/", url)
            reply = await ask(proxy.port, "/user/alice/", headers={"Accept-Encoding": "br, gzip"})
        assert (reply.headers["content-encoding"], reply.body) == ("gzip", body)
        assert b"accept-encoding: br, gzip\r\n" in await asked.get()

    # ---- parts

    @pytest.fixture
    async def secure_proxy(
        self, make_plugin: Make, proxy_settings: ProxySettings, tmp_path: Path
    ) -> AsyncIterator[ProxyUnderTest]:
        """A proxy that speaks TLS and has no routes."""
        folder = CertificateFolder(tmp_path / "ssl")
        folder.prepare()
        files = folder.issue("public", HUB, ["localhost"])
        settings = replace(proxy_settings, ssl_cert=files.certfile, ssl_key=files.keyfile)
        async with running(make_plugin, settings) as proxy:
            yield proxy

    async def _upload_http2(self, line: LatencyProxy) -> None:
        async with http2(line.port) as client:
            assert (await client.request("POST", "/user/alice/", body=b"x")).name == "alice"
            # Their frames would stand in line behind those of a large upload.
            assert not client.offers_websockets
            line.to_client.hold()
            uploading = asyncio.create_task(
                client.request("POST", "/user/alice/upload", body=bytes(2 * _UPLOAD))
            )

            async def is_sent() -> bool:
                return client.sent >= _UPLOAD

            await until(is_sent)
            line.to_client.release()
            assert (await uploading).json["body_length"] == 2 * _UPLOAD

    async def _upload_http1(self, line: LatencyProxy) -> None:
        async with _connected(line.port, secure=True) as (reader, writer):
            writer.write(_head("GET"))
            await reader.readuntil(b'"body_length": 0}')
            line.to_client.hold()
            passed = line.to_server.passed
            writer.write(_head("POST", f"Content-Length: {2 * _UPLOAD}") + bytes(2 * _UPLOAD))

            async def is_sent() -> bool:
                return line.to_server.passed >= passed + _UPLOAD

            await until(is_sent)
            line.to_client.release()
            await reader.readuntil(f'"body_length": {2 * _UPLOAD}}}'.encode())


@asynccontextmanager
async def _connected(port: int, *, secure: bool = False) -> AsyncIterator[Connection]:
    context = any_certificate("http/1.1") if secure else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        yield reader, writer
    finally:
        writer.close()


def _head(method: str, *lines: str) -> bytes:
    return "\r\n".join((f"{method} /user/alice/x HTTP/1.1", "Host: localhost", *lines, "", "")).encode()


async def _read_chunk(reader: asyncio.StreamReader) -> bytes:
    size = int(await reader.readline(), 16)
    return (await reader.readexactly(size + 2))[:-2]


async def _feed(client: socket.socket, head: bytes) -> None:
    """Send a request until the peer stops reading. A stream would drop what was answered by then."""
    loop = asyncio.get_running_loop()
    with suppress(OSError):
        await loop.sock_sendall(client, head)
        for _ in range(95):
            await loop.sock_sendall(client, _PIECE)
