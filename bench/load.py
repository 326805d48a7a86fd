"""Client and server of many connections, in one loop without a framework: they must cost less than what is
measured.

``python -m bench.load`` runs the server and prints its port.
"""

from __future__ import annotations

import re
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from plughub.testing.quick import starts

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_BLOCK = 262_144
_SECONDS = 120
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n" + b"x" * 100
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
"""The answer to the key in RFC 6455, which `UPGRADE` sends."""
UPGRADE = (
    "GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SIZE = 100
MESSAGE = bytes([0x82, 0x80 | SIZE, 0, 0, 0, 0]) + b"x" * SIZE
"""A binary frame of a client, with a mask that changes nothing."""
ECHO = bytes([0x82, SIZE]) + b"x" * SIZE


def get(path: str, headers: str = "") -> bytes:
    """Return a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()


def response_length(data: bytes) -> int:
    """Return the length of a whole response; 0 while its header is incomplete."""
    end = data.find(_END)
    if end < 0:
        return 0
    length = _LENGTH.search(data, 0, end)
    return end + 4 + (int(length[1]) if length else 0)


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Client:
    """Connections to one port of this machine.

    Args:
        port: where to connect.
        count: number of connections.
        path: path of the websocket that each connection opens; empty for plain HTTP.
    """

    def __init__(self, port: int, count: int, path: str = "") -> None:
        self._connections: dict[int, socket.socket] = {}
        self._opening = UPGRADE.format(path).encode() if path else b""
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port), timeout=_SECONDS)
            self._connections[one.fileno()] = one
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._opening:
                one.sendall(self._opening)
                answer = self._until_header_ends(one)
                assert answer.startswith(b"HTTP/1.1 101"), answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._connections.values():
            one.close()

    def send(self, data: bytes, *, count: int = 0, seconds: float = 0) -> tuple[int, float]:
        """Send the same data on each connection, again as soon as it is answered.

        Args:
            data: a request, or a frame that is echoed.
            count: of answers after which nothing is sent; 0 for any number.
            seconds: after which nothing is sent, if there is no count.

        Returns:
            How many were answered, and the seconds until the last answer.

        Raises:
            ConnectionError: a connection was closed, or a status is not 200 or 201.
        """
        begin = time.monotonic()
        ends = begin + (_SECONDS if count else seconds)
        senders = list(self._connections.values())[: count or None]
        for one in senders:
            one.sendall(data)
        sent, waiting = len(senders), len(senders)
        answered = 0
        for one in self._answers():
            answered += 1
            if sent < count if count else time.monotonic() < ends:
                one.sendall(data)
                sent += 1
            else:
                waiting -= 1
            if not waiting:
                break
        return answered, time.monotonic() - begin

    def _answers(self) -> Iterator[socket.socket]:
        """Yield the connection of each complete answer."""
        received = dict.fromkeys(self._connections, b"")
        with select.epoll() as poll:
            for number in self._connections:
                poll.register(number, select.EPOLLIN)
            while True:
                for number, _ in poll.poll(_SECONDS):
                    one = self._connections[number]
                    more = one.recv(_BLOCK)
                    if not more:
                        raise ConnectionError(f"closed after {received[number][:200]!r}")
                    buffer = received[number] + more
                    length = self._answer_length(buffer)
                    is_complete = 0 < length <= len(buffer)
                    received[number] = buffer[length:] if is_complete else buffer
                    if is_complete:
                        yield one

    def _answer_length(self, data: bytes) -> int:
        if self._opening:
            return len(ECHO)
        if data[9:11] not in (b"20", b""):
            raise ConnectionError(f"an answer is {data[:200]!r}")
        return response_length(data)

    @staticmethod
    def _until_header_ends(one: socket.socket) -> bytes:
        data = b""
        while not data.endswith(_END):
            more = one.recv(_BLOCK)
            if not more:
                break
            data += more
        return data


@starts
@contextmanager
def server() -> Iterator[int]:
    """Run the server in a process of its own and yield its port."""
    command, folder = [sys.executable, "-m", "bench.load"], Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def serve() -> None:
    """Answer requests and echo frames until the process is killed."""
    raise_file_limit()
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    poll, connections = select.epoll(), dict[int, socket.socket]()
    poll.register(listener.fileno(), select.EPOLLIN)
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                accept(listener, poll, connections)
                continue
            one = connections[number]
            try:
                data = one.recv(_BLOCK)
                if data:
                    one.sendall(answer(data))
            except OSError:
                data = b""
            if not data:
                connections.pop(number).close()


def accept(listener: socket.socket, poll: select.epoll, connections: dict[int, socket.socket]) -> None:
    """Accept the connections that are waiting."""
    while True:
        try:
            one, _ = listener.accept()
        except BlockingIOError:
            return
        connections[one.fileno()] = one
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(one.fileno(), select.EPOLLIN)


def answer(data: bytes) -> bytes:
    """Return the answer to a request without a body, or to a frame; each arrives in one piece."""
    if not data.startswith(b"GET "):
        return ECHO
    return SWITCH if b"websocket" in data.lower() else OK


if __name__ == "__main__":
    serve()
