"""HAProxy's runtime socket: one connection for each command.

Source:
    HAProxy Management Guide, section 9.3 (Unix socket commands) and 9.4 (master CLI).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from plughub_haproxy.timings import COMMAND_SECONDS

MAX_SOCKET_PATH: Final = 100
"""Longest path of a socket address, which has 108 bytes on Linux."""

MAX_PAYLOAD_BYTES: Final = 32 * 1024
"""Largest command, which must fit into HAProxy's buffer of 64 KiB."""

_RECEIVED_BYTES: Final = 256 * 1024
"""Largest part of an answer that is received at once."""


class RuntimeSocketError(Exception):
    """HAProxy did not answer, or refused a command."""


class RuntimeSocket:
    """Client of a running HAProxy's runtime socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def query(self, command: str) -> str:
        """Send a command and return HAProxy's output.

        Args:
            command: one line, or several commands separated by semicolons; a payload follows on further
                lines.

        Raises:
            RuntimeSocketError: HAProxy does not answer.
        """
        return (await self.read(command)).decode()

    async def read(self, command: str) -> bytes:
        """Send a command and return HAProxy's output as it was received.

        Args:
            command: as for `query`.

        Raises:
            RuntimeSocketError: HAProxy does not answer.
        """
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                return await self._exchange(command.encode() + b"\n")
        except (OSError, TimeoutError) as error:
            reason = "no answer" if isinstance(error, TimeoutError) else str(error)
            raise RuntimeSocketError(f"HAProxy cannot be reached at {self._path}: {reason}") from error

    async def execute(self, *commands: str) -> None:
        """Send commands that print nothing on success.

        Raises:
            RuntimeSocketError: HAProxy does not answer, or reports an error.
        """
        for group in _grouped(commands, "; "):
            complaint = (await self.query("; ".join(group))).strip()
            if complaint and not _is_harmless(complaint):
                raise RuntimeSocketError(f"HAProxy refused {group[0].split(' ')[:2]}: {complaint}")

    async def add_all(self, where: str, lines: Iterable[str]) -> None:
        """Add many entries to a map.

        Args:
            where: name of the map, optionally preceded by a version.
            lines: key, space and value of each entry.

        Raises:
            RuntimeSocketError: HAProxy does not answer, or refuses an entry.
        """
        for group in _grouped(list(lines), "\n"):
            await self.execute(f"add map {where} <<\n" + "\n".join(group) + "\n")

    async def _exchange(self, command: bytes) -> bytes:
        # A plain socket: a stream reader costs several times as much, each second.
        loop, parts = asyncio.get_running_loop(), []
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            with _short_path(self._path) as path:
                await loop.sock_connect(client, path)
            await loop.sock_sendall(client, command)
            while part := await loop.sock_recv(client, _RECEIVED_BYTES):
                parts.append(part)
        return b"".join(parts)


@contextmanager
def _short_path(path: Path) -> Iterator[str]:
    """Yield a path to the socket that is short enough, through the opened folder if necessary."""
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _grouped(texts: Sequence[str], between: str) -> Iterator[list[str]]:
    group: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode()) + len(between)
        if group and size + length > MAX_PAYLOAD_BYTES:
            yield group
            group, size = [], 0
        group.append(text)
        size += length
    if group:
        yield group


def _is_harmless(answer: str) -> bool:
    """Return whether all lines of the output report a success, or that nothing needed to be done."""
    harmless = ("no need to change", "changed from", "IP changed", "port changed", "No such session")
    return all(any(part in line for part in harmless) for line in answer.splitlines() if line.strip())
