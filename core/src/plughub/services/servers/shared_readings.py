"""Readings that are expensive: many callers share one."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import LRUCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Entry(Generic[V]):
    value: V
    size: float = 1
    read_at: float = -math.inf


class SharedReadings(Generic[K, V]):
    """Bounded cache of readings, each of which is made by one caller for all.

    Args:
        seconds: how long a reading is reused.
        limit: total size of the readings that are kept.
        size_of: returns the size of a reading; 1 by default.

    Attributes:
        seconds: how long a reading is reused.
    """

    def __init__(self, seconds: float, limit: float, size_of: Callable[[V], float] = lambda _: 1) -> None:
        self.seconds = seconds
        self._size_of = size_of
        self._entries: LRUCache[K, _Entry[V]] = LRUCache(limit, getsizeof=lambda entry: entry.size)
        self._reading: dict[K, asyncio.Task[V]] = {}

    def latest(self, key: K) -> V | None:
        """Return the last reading, however old; None if there is none."""
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    async def get(self, key: K, read: Callable[[V | None], Awaitable[V]]) -> V:
        """Return a recent reading; an exception of `read` reaches all callers that wait for it.

        Args:
            key: what is read.
            read: makes a reading, given the previous one.
        """
        entry = self._entries.get(key)
        if entry is not None and entry.read_at > time.monotonic() - self.seconds:
            return entry.value
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.create_task(self._read(key, read))
            task.add_done_callback(lambda _: self._reading.pop(key, None))
        return await asyncio.shield(task)

    async def _read(self, key: K, read: Callable[[V | None], Awaitable[V]]) -> V:
        value = await read(self.latest(key))
        entry = _Entry(value, self._size_of(value), time.monotonic())
        if entry.size <= self._entries.maxsize:
            self._entries[key] = entry
        return value
