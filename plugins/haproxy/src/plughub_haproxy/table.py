"""The routing table of a running HAProxy, and its copy on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from plughub_haproxy.configuration import TABLE
from plughub_haproxy.entries import Entry, described, read_value
from plughub_haproxy.pools import ERRORS, fill_commands, is_single_target, serves_errors
from plughub_haproxy.route_file import MAP_NAME, RouteFile
from plughub_haproxy.runtime_socket import RuntimeSocket, RuntimeSocketError


class RouteTable:
    """The routing table.

    Args:
        runtime: runtime socket of HAProxy.
        file: the copy on disk.
    """

    def __init__(self, runtime: RuntimeSocket, file: RouteFile) -> None:
        self._runtime = runtime
        self._file = file
        self._shown = b""
        self._entries: dict[str, Entry] = {}
        self._routes: dict[str, Mapping[str, Any]] = {}
        self.lock = asyncio.Lock()
        """Lock for changes, so that no route is lost while the whole table is replaced."""

    async def entries(self) -> list[Entry]:
        """Return the entries from HAProxy, one for each key; unchanged ones are the same objects."""
        shown = await self._runtime.read(f"show map {MAP_NAME}")
        if shown != self._shown:
            entries = await asyncio.to_thread(_read, shown.decode(), self._entries)
            self._shown, self._entries = shown, entries
            self._routes = {
                entry.routespec: MappingProxyType(described(entry, None)) for entry in entries.values()
            }
        return list(self._entries.values())

    async def routes(self) -> dict[str, Mapping[str, Any]]:
        """Return the routes without their activity; unchanged ones are the same read-only objects."""
        await self.entries()
        return dict(self._routes)

    async def put(self, entry: Entry) -> None:
        """Add or change a route."""
        async with self.lock:
            await self._fill_pools([entry])
            key, value = entry.key, entry.value  # computed each time
            answer = (await self._runtime.query(f"set map {MAP_NAME} {key} {value}")).strip()
            if "not found" in answer:
                await self._runtime.add_all(MAP_NAME, [f"{key} {value}"])
            elif answer:
                raise RuntimeSocketError(f"HAProxy refused the route {entry.routespec!r}: {answer}")
            await self._append(key, value)

    async def remove(self, key: str, activity: str) -> None:
        """Delete a route and its activity.

        Args:
            key: key of the route in the map.
            activity: key in the activity table.
        """
        async with self.lock:
            answer = await self._runtime.query(
                f"del map {MAP_NAME} {key}; clear table {TABLE} key {activity}"
            )
            complaint = answer.strip()
            if complaint and "not found" not in complaint:
                raise RuntimeSocketError(f"HAProxy did not delete the route {key}: {complaint}")
            await self._append(key)

    async def replace(self, entries: Sequence[Entry]) -> None:
        """Replace the whole table in one step."""
        values = await asyncio.to_thread(_written, entries)
        async with self.lock:
            await self._fill_pools(entries)
            answer = await self._runtime.query(f"prepare map {MAP_NAME}")
            version = answer.strip().rpartition(" ")[2]
            if not version.isdigit():
                raise RuntimeSocketError(f"HAProxy did not prepare a new table: {answer.strip()}")
            await self._runtime.add_all(
                f"@{version} {MAP_NAME}", [f"{key} {value}" for key, value in values.items()]
            )
            await self._runtime.execute(f"commit map @{version} {MAP_NAME}")
            await asyncio.to_thread(self._file.write, values)

    async def save(self) -> list[Entry]:
        """Rewrite the copy on disk, and return the entries."""
        entries = await self.entries()
        await asyncio.to_thread(lambda: self._file.write(_written(entries)))
        return entries

    async def _fill_pools(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            pools = [ERRORS] if serves_errors(entry) else []
            pools += [] if is_single_target(entry) else [entry.backend]
            for pool in pools:
                await self._runtime.execute(*fill_commands(pool, entry.addresses))

    async def _append(self, key: str, value: str = "") -> None:
        if await asyncio.to_thread(self._file.append, key, value):
            await self.save()


def _read(shown: str, known: Mapping[str, Entry]) -> dict[str, Entry]:
    """Parse HAProxy's output into entries by value; known values are not parsed again."""
    last = dict(line.partition(" ")[2].partition(" ")[::2] for line in shown.splitlines())
    found = {value: known.get(value) or read_value(value) for value in last.values()}
    return {value: entry for value, entry in found.items() if entry}


def _written(entries: Sequence[Entry]) -> dict[str, str]:
    return {entry.key: entry.value for entry in entries}
