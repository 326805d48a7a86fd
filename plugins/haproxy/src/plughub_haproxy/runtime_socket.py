"""HAProxy's runtime socket: one connection for each command.

Source:
    HAProxy Management Guide, section 9.3 (Unix socket commands) and 9.4 (master CLI).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from plughub_haproxy.timings import COMMAND_SECONDS

MAX_SOCKET_PATH: Final = 100
"""A longer path does not fit into a socket address, which has 108 bytes on Linux."""

MAX_PAYLOAD_BYTES: Final = 32 * 1024
"""A command has to fit into HAProxy's buffer of 64 KiB."""


class RuntimeSocketError(Exception):
    """HAProxy did not answer, or it refused a command."""


class RuntimeSocket:
    """Commands for a running HAProxy.

    Args:
        path: the socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def ask(self, command: str) -> str:
        """Send a command.

        Args:
            command: one line, or several commands with a semicolon between; with a payload the lines of it.

        Returns:
            What HAProxy answers.

        Raises:
            RuntimeSocketError: it does not answer.
        """
        try:
            async with asyncio.timeout(COMMAND_SECONDS), self._connection() as (reader, writer):
                writer.write(command.encode() + b"\n")
                await writer.drain()
                return (await reader.read()).decode()
        except (OSError, TimeoutError) as error:
            reason = "no answer" if isinstance(error, TimeoutError) else str(error)
            raise RuntimeSocketError(f"HAProxy cannot be reached at {self._path}: {reason}") from error

    async def tell(self, *commands: str) -> None:
        """Send commands that answer nothing when all is well.

        Args:
            commands: the commands.

        Raises:
            RuntimeSocketError: HAProxy does not answer, or it answers with a complaint.
        """
        for group in _grouped(commands, "; "):
            complaint = (await self.ask("; ".join(group))).strip()
            if complaint and not _is_harmless(complaint):
                raise RuntimeSocketError(f"HAProxy refused {group[0].split(' ')[:2]}: {complaint}")

    async def add_all(self, where: str, lines: Iterable[str]) -> None:
        """Add many entries to a map.

        Args:
            where: the map, with a version or without.
            lines: key, space and value.

        Raises:
            RuntimeSocketError: HAProxy does not answer or refuses.
        """
        for group in _grouped(list(lines), "\n"):
            await self.tell(f"add map {where} <<\n" + "\n".join(group) + "\n")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        with _short(self._path) as path:
            reader, writer = await asyncio.open_unix_connection(path)
        try:
            yield reader, writer
        finally:
            writer.close()


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Give a path to the same socket that is short enough, by way of its opened folder."""
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
    """Tell whether an answer only reports that something changed, or need not, or has ended by itself."""
    news = ("no need to change", "changed from", "IP changed", "port changed", "No such session")
    return all(any(part in line for part in news) for line in answer.splitlines() if line.strip())
