"""The table of routes in a running HAProxy, and its copy on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from plughub_haproxy.configuration import TABLE
from plughub_haproxy.entries import Entry, read_value
from plughub_haproxy.pools import ERRORS, fill_commands, is_alone, serves_errors
from plughub_haproxy.route_file import MAP_NAME, RouteFile
from plughub_haproxy.runtime_socket import RuntimeSocket, RuntimeSocketError


class RouteTable:
    """The routes.

    Args:
        runtime: socket of HAProxy.
        file: the copy on disk.
    """

    def __init__(self, runtime: RuntimeSocket, file: RouteFile) -> None:
        self._runtime = runtime
        self._file = file
        self._shown = ""
        self._entries: dict[str, Entry] = {}
        self.lock = asyncio.Lock()
        """Held while a route changes, so that none is lost while the whole table does."""

    async def entries(self) -> list[Entry]:
        """Read the routes from HAProxy.

        Returns:
            The entries, one for each key.
        """
        shown = await self._runtime.ask(f"show map {MAP_NAME}")
        if shown != self._shown:
            entries = await asyncio.to_thread(_read, shown, self._entries)
            self._shown, self._entries = shown, entries
        return list(self._entries.values())

    async def put(self, entry: Entry) -> None:
        """Add a route, or change it.

        Args:
            entry: the route.
        """
        async with self.lock:
            await self._fill_pools([entry])
            answer = (await self._runtime.ask(f"set map {MAP_NAME} {entry.key} {entry.value}")).strip()
            if "not found" in answer:
                await self._runtime.add_all(MAP_NAME, [f"{entry.key} {entry.value}"])
            elif answer:
                raise RuntimeSocketError(f"HAProxy did not take route {entry.routespec!r}: {answer}")
            await self._note(entry.key, entry.value)

    async def remove(self, key: str, activity: str) -> None:
        """Take a route away, with what is known of its use.

        Args:
            key: of the route.
            activity: its key in the table of activity.
        """
        async with self.lock:
            answer = await self._runtime.ask(f"del map {MAP_NAME} {key}; clear table {TABLE} key {activity}")
            complaint = answer.strip()
            if complaint and "not found" not in complaint:
                raise RuntimeSocketError(f"HAProxy did not delete the route {key}: {complaint}")
            await self._note(key)

    async def replace(self, entries: Sequence[Entry]) -> None:
        """Make these the whole table in one step.

        Args:
            entries: the routes.
        """
        values = await asyncio.to_thread(_written, entries)
        async with self.lock:
            await self._fill_pools(entries)
            answer = await self._runtime.ask(f"prepare map {MAP_NAME}")
            version = answer.strip().rpartition(" ")[2]
            if not version.isdigit():
                raise RuntimeSocketError(f"HAProxy did not prepare a new table: {answer.strip()}")
            await self._runtime.add_all(
                f"@{version} {MAP_NAME}", [f"{key} {value}" for key, value in values.items()]
            )
            await self._runtime.tell(f"commit map @{version} {MAP_NAME}")
            await asyncio.to_thread(self._file.write, values)

    async def save(self) -> list[Entry]:
        """Write the copy on disk anew.

        Returns:
            The routes.
        """
        entries = await self.entries()
        await asyncio.to_thread(lambda: self._file.write(_written(entries)))
        return entries

    async def _fill_pools(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            pools = [ERRORS] if serves_errors(entry) else []
            pools += [] if is_alone(entry) else [entry.backend]
            for pool in pools:
                await self._runtime.tell(*fill_commands(pool, entry.addresses))

    async def _note(self, key: str, value: str = "") -> None:
        if await asyncio.to_thread(self._file.note, key, value):
            await self.save()


def _read(shown: str, known: Mapping[str, Entry]) -> dict[str, Entry]:
    """Read entries by value, one for each key; what is known already is not taken apart again."""
    last = dict(line.partition(" ")[2].partition(" ")[::2] for line in shown.splitlines())
    found = {value: known.get(value) or read_value(value) for value in last.values()}
    return {value: entry for value, entry in found.items() if entry}


def _written(entries: Sequence[Entry]) -> dict[str, str]:
    return {entry.key: entry.value for entry in entries}
