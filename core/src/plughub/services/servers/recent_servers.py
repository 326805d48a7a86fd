"""Short-lived cache of the servers of users."""

from __future__ import annotations

import time
from typing import Final

from cachetools import LRUCache

from plughub.domain.servers import ServerRecord
from plughub.domain.timings import CHANGE_FEED_SECONDS
from plughub.domain.users import User
from plughub.services.operations.server_watch import ServerWatch
from plughub.storage.store import Store

REMEMBERED: Final = 10_000
"""Users whose servers are cached."""


class RecentServers:
    """Cache of the servers of users, for callers that ask frequently.

    Args:
        store: the storage.
        server_watch: knows what this process has changed.
    """

    def __init__(self, store: Store, server_watch: ServerWatch) -> None:
        self._store = store
        self._server_watch = server_watch
        self._recent: LRUCache[int, tuple[int, float, list[ServerRecord]]] = LRUCache(REMEMBERED)

    async def of_user(self, user: User) -> list[ServerRecord]:
        """Return a user's servers as of at most `CHANGE_FEED_SECONDS` ago, with changes by this process."""
        known = self._recent.get(user.id)
        now, version = time.monotonic(), self._server_watch.version
        if known is not None and known[0] == version and known[1] > now - CHANGE_FEED_SECONDS:
            return known[2]
        servers = await self._store.read(lambda tx: tx.servers.of_user(user.id))
        self._recent[user.id] = (version, now, servers)
        return servers
