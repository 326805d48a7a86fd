"""The servers of users as they were a moment ago, for those who ask all the time."""

from __future__ import annotations

import time
from typing import Final

from cachetools import LRUCache

from plughub.domain.servers import ServerRecord
from plughub.domain.timings import RECENT_SERVERS_SECONDS
from plughub.domain.users import User
from plughub.services.operations.server_watch import ServerWatch
from plughub.storage.store import Store

REMEMBERED: Final = 10_000
"""Users whose servers are kept in memory for a moment."""


class RecentServers:
    """Remembers the servers of users for a moment.

    Args:
        store: the storage.
        server_watch: know what this process has changed.
    """

    def __init__(self, store: Store, server_watch: ServerWatch) -> None:
        self._store = store
        self._watchers = server_watch
        self._recent: LRUCache[int, tuple[int, float, list[ServerRecord]]] = LRUCache(REMEMBERED)

    async def of_user(self, user: User) -> list[ServerRecord]:
        """List the servers of a user.

        Args:
            user: the user.

        Returns:
            The servers as they were at most half a second ago; what this process did is always in it.
        """
        known = self._recent.get(user.id)
        now, version = time.monotonic(), self._watchers.version
        if known is not None and known[0] == version and known[1] > now - RECENT_SERVERS_SECONDS:
            return known[2]
        servers = await self._store.read(lambda tx: tx.servers.of_user(user.id))
        self._recent[user.id] = (version, now, servers)
        return servers
