"""A TCP relay with a delay, for effects that loopback hides: windows, buffers, delayed chunks.

    async with LatencyProxy(proxy.port, delay=0.04) as line:
        reader, writer = await asyncio.open_connection("127.0.0.1", line.port)

Tests that must not depend on the clock use `Direction.hold` instead of a delay: while the responses are held
back, only as many bytes travel the other way as the peer's windows and buffers allow.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final, Self

_BLOCK: Final = 65536
_PARTS: Final = 1024
"""How many reads may be under way in one direction of a connection."""

_UnderWay = asyncio.Queue[tuple[float, bytes]]
"""What is under way, each part with the time when it is due; the empty one is the end."""


@dataclass(slots=True)
class Direction:
    """One direction of the relay, over all connections.

    Attributes:
        passed: bytes that were forwarded.
        bursts: how often data was forwarded after the other direction had sent. A client that waits for
            each response makes one burst in each round trip.
    """

    passed: int = 0
    bursts: int = 0
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._open.set()

    def hold(self) -> None:
        """Hold back data from now on, until `release`."""
        self._open.clear()

    def release(self) -> None:
        """Forward the data that was held back, and stop holding back."""
        self._open.set()

    async def pass_on(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        """Forward data.

        Args:
            writer: of the receiving connection.
            data: the received bytes.
        """
        await self._open.wait()
        writer.write(data)
        self.passed += len(data)
        await writer.drain()


class LatencyProxy:
    """A relay with a port of its own.

    Args:
        port: of 127.0.0.1, where the server listens.
        delay: seconds from one end to the other; a round trip takes twice as long.
        rate: bytes in a second, in each direction of each connection; 0 for any number.

    Attributes:
        port: where clients connect.
        to_server: what clients sent.
        to_client: what the server sent.
    """

    def __init__(self, port: int, *, delay: float = 0.0, rate: float = 0.0) -> None:
        self._target = port
        self._delay, self._rate = delay, rate
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._last: Direction | None = None
        self.port = 0
        self.to_server, self.to_client = Direction(), Direction()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0, limit=_BLOCK)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await asyncio.sleep(self._delay)
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target, limit=_BLOCK)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._carry(reader, far_writer, self.to_server))
                    group.create_task(self._carry(far_reader, writer, self.to_client))
            finally:
                far_writer.close()
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Direction
    ) -> None:
        """Forward one direction of one connection, including its end."""
        under_way: _UnderWay = asyncio.Queue(_PARTS)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take(reader, under_way))
            group.create_task(self._deliver(under_way, writer, way))

    async def _take(self, reader: asyncio.StreamReader, under_way: _UnderWay) -> None:
        loop = asyncio.get_running_loop()
        free = 0.0
        while True:
            data = await reader.read(_BLOCK)
            free = max(free, loop.time()) + (len(data) / self._rate if self._rate else 0)
            await under_way.put((free + self._delay, data))
            if not data:
                return

    async def _deliver(self, under_way: _UnderWay, writer: asyncio.StreamWriter, way: Direction) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await under_way.get()
            if (rest := due - loop.time()) > 0:
                await asyncio.sleep(rest)
            if not data:
                writer.write_eof()
                return
            if self._last is not way:
                self._last = way
                way.bursts += 1
            await way.pass_on(writer, data)
