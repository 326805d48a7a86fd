"""Last lines that servers wrote, read from their spawners: many readers share one reading."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from cachetools import TTLCache

from plughub.domain.errors import HubError, TooManyError, UnavailableError
from plughub.domain.log_text import shown_line, shown_lines, within
from plughub.domain.overlaps import overlap
from plughub.domain.servers import Phase, ServerRecord
from plughub.domain.timings import LOG_READER_SECONDS, LOG_TAIL_SECONDS
from plughub.domain.words import _
from plughub.kinds import Server
from plughub.plugin.hooks import Hooks
from plughub.services.server_records import stored_view
from plughub.services.servers.shared_readings import SharedReadings
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.logs")
TAIL_LINES: Final = 1000
"""Lines that a live view begins with, and that may be new in one reading."""
MOST_LINES: Final = 10_000
"""Lines of the longest part of a log that can be read."""
TAIL_CHARACTERS: Final = 512 * 1024
MOST_CHARACTERS: Final = 2 * 1024 * 1024
REMEMBERED_CHARACTERS: Final = 32 * 1024 * 1024
"""Characters of all tails that a process remembers."""
READERS: Final = 10_000
"""Pairs of a reader and a server that are remembered."""
AT_ONCE: Final = 4
"""Logs of one plugin that are read at the same time: polls of servers share its threads."""
STREAMS: Final = 1000
STREAMS_OF_READER: Final = 20
"""Streams of one user or service; a browser closes those of tabs that are not visible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTail:
    """Last lines of one launch of a server.

    Attributes:
        launch: id of the start that launched it.
        series: name for the numbers of the lines, which another launch or another hub process does not share.
        first: number of the first line.
        lines: the lines as they are shown.
        raw: the lines as the spawner returned them.
        is_live: whether more lines may follow.
        problem: why the lines cannot be read at present; empty if they can.
    """

    launch: str = ""
    series: str = ""
    first: int = 0
    lines: tuple[str, ...] = ()
    raw: tuple[str, ...] = ()
    is_live: bool = True
    problem: str = ""

    @property
    def end(self) -> int:
        """Number of the line after the last one."""
        return self.first + len(self.lines)

    def unsent(self, sent: LogTail) -> int:
        """Return the number of the first line that a reader of an earlier tail of the series lacks.

        The last line of that tail may have changed since.
        """
        number = sent.end - 1
        is_same = sent.lines and self.since(number)[:1] == sent.lines[-1:]
        return max(number + 1 if is_same or not sent.lines else number, self.first)

    def since(self, number: int) -> tuple[str, ...]:
        """Return the lines from a number on; all if the line of that number is gone."""
        return self.lines[max(number - self.first, 0) :]

    @property
    def size(self) -> int:
        """Characters of the lines, at least 1."""
        shared = sum(len(line) for line, raw in zip(self.lines, self.raw, strict=False) if line is not raw)
        return sum(map(len, self.raw)) + shared + 1


class LogService:
    """Reads the output of servers.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.

    Attributes:
        tails: the last lines by server.
        streams: open streams by reader.
    """

    def __init__(self, store: Store, hooks: Hooks, settings: HubSettings) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self.streams: Counter[str] = Counter()
        self._readers: TTLCache[tuple[str, int], bool] = TTLCache(READERS, LOG_READER_SECONDS)
        self.tails: SharedReadings[int, LogTail] = SharedReadings(
            LOG_TAIL_SECONDS, REMEMBERED_CHARACTERS, lambda tail: tail.size
        )
        self._slots = {plugin: asyncio.Semaphore(AT_ONCE) for plugin in settings.spawners}

    async def tail(self, server_id: int) -> LogTail:
        """Return the last lines of a server as they were read in the last second."""
        return await self.tails.get(server_id, partial(self._read_tail, server_id))

    async def read(self, server: ServerRecord, lines: int) -> tuple[str, ...]:
        """Return last lines of a server; those of its failure if it does not run.

        Args:
            server: the server.
            lines: how many, at most `MOST_LINES`.

        Raises:
            UnavailableError: the spawner cannot read them at present.
        """
        if lines <= 0:
            return ()
        if not has_log(server):
            return server.failure.logs[-lines:] if server.failure else ()
        try:
            view = await self._store.read(lambda tx: self._view(tx, server))
            raw = await self._ask(server, view, min(lines, MOST_LINES))
        except HubError as error:
            log.debug("%s: the log cannot be read: %s", server.full_name, error)
            raise UnavailableError(self._problem_of(server)) from error
        return await asyncio.to_thread(shown_lines, raw[-lines:], MOST_CHARACTERS)

    def begins_reading(self, reader: str, server: ServerRecord) -> bool:
        """Return whether a reader has not read the log of a server in the last minutes."""
        is_new = (reader, server.id) not in self._readers
        if is_new:
            self._readers[reader, server.id] = True
        return is_new

    @contextlib.contextmanager
    def stream(self, reader: str) -> Iterator[None]:
        """Count a stream of a reader as long as it is open.

        Raises:
            TooManyError: the reader, or all readers together, have too many streams.
        """
        if self.streams[reader] >= STREAMS_OF_READER or self.streams.total() >= STREAMS:
            raise TooManyError(_("too many logs are open: close some of them"))
        self.streams[reader] += 1
        try:
            yield
        finally:
            self.streams[reader] -= 1
            if not self.streams[reader]:
                del self.streams[reader]

    async def _read_tail(self, server_id: int, before: LogTail | None) -> LogTail:
        server = await self._store.read(lambda tx: tx.servers.by_id(server_id))
        launch = launch_of(server) if server else ""
        known = before if before and launch in {"", before.launch} else _new(launch)
        if server is None or not has_log(server):
            return _ended(known, server)
        known = replace(known, is_live=True, problem="")
        try:
            view = await self._store.read(lambda tx: self._view(tx, server))
            raw = await self._ask(server, view, TAIL_LINES)
        except HubError as error:
            log.debug("%s: the log cannot be read: %s", server.full_name, error)
            return replace(known, problem=self._problem_of(server))
        raw = within(raw[-TAIL_LINES:], TAIL_CHARACTERS)
        return known if raw == known.raw else await asyncio.to_thread(_continued, known, raw)

    async def _ask(self, server: ServerRecord, view: Server, lines: int) -> tuple[str, ...]:
        plugin = server.backend or self._settings.default_spawner
        if self._is_elsewhere(server):
            raise HubError(f"the server runs on {server.host}")
        async with self._slots.setdefault(plugin, asyncio.Semaphore(AT_ONCE)):
            return await self._hooks.logs(plugin, view, lines)

    def _view(self, tx: Transaction, server: ServerRecord) -> Server:
        return replace(stored_view(tx, self._settings, server), operation=launch_of(server))

    def _problem_of(self, server: ServerRecord) -> str:
        if self._is_elsewhere(server):
            return _(
                "The log can only be read on the machine %(host)s, where the server runs.", host=server.host
            )
        return _("The log cannot be read at the moment.")

    def _is_elsewhere(self, server: ServerRecord) -> bool:
        return server.host not in {"", self._settings.host}


def launch_of(server: ServerRecord) -> str:
    """Return the id of the start that launched a server, or is about to."""
    return server.launch or (server.operation.id if server.operation else "")


def has_log(server: ServerRecord) -> bool:
    """Return whether a spawner can be asked for lines: the server is active, and not only queued."""
    return server.active and not (server.operation and server.operation.phase is Phase.QUEUED)


def _new(launch: str) -> LogTail:
    return LogTail(launch=launch, series=secrets.token_hex(6))


def _ended(known: LogTail, server: ServerRecord | None) -> LogTail:
    """Return the tail of a server that does not run: the lines of its failure, or the last that were read."""
    is_queued = server is not None and server.active
    failed = server.failure.logs if server and server.failure and not is_queued else ()
    tail = known if known.lines or not failed else _continued(known, failed)
    return replace(tail, is_live=is_queued, problem="")


def _continued(known: LogTail, raw: Sequence[str]) -> LogTail:
    """Return a tail whose lines continue earlier ones, as far as they overlap.

    The last earlier line may have been incomplete, or may be a progress bar that has moved: it has the same
    number as the line that replaces it.
    """
    kept, end = overlap(known.raw, raw), len(known.raw)
    if (without_last := overlap(known.raw[:-1], raw)) > kept:
        kept, end = without_last, end - 1
    new = tuple(_shared(line, shown_line(line)) for line in raw[kept:])
    first = known.first + end - kept
    return replace(known, first=first, lines=(*known.lines[end - kept : end], *new), raw=tuple(raw))


def _shared(raw: str, shown: str) -> str:
    """Return one object for equal texts, which halves the memory."""
    return raw if raw == shown else shown
