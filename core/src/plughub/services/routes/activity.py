"""Activity of users and servers: the newest time of each in memory, written now and then in one batch."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from cachetools import LRUCache

from plughub.domain.clock import isoformat, utcnow
from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.domain.sessions import LoginSession
from plughub.domain.timings import ACTIVITY_FLUSH_SECONDS, CLOCK_AHEAD_SECONDS, SESSION_SEEN_SECONDS
from plughub.domain.users import User
from plughub.services.coordination.background_loops import repeat
from plughub.services.routes.router import Router
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.activity")
REMEMBERED: Final = 20_000
"""Times that were written are kept for so many servers, and users, so that the same is not written again."""


class ActivityService:
    """Collects activity.

    Args:
        store: the storage.
        settings: of the hub.
    """

    def __init__(self, store: Store, settings: HubSettings) -> None:
        self._store = store
        self._settings = settings
        self._servers: dict[int, datetime] = {}
        self._tokens: dict[int, datetime] = {}
        self._users: dict[int, datetime] = {}
        self._sessions: dict[int, float] = {}
        self._users_written: LRUCache[int, datetime] = LRUCache(REMEMBERED)
        self._written: LRUCache[int, datetime] = LRUCache(REMEMBERED)

    def server(self, server_id: int, at: datetime) -> None:
        """Note activity of a server.

        Args:
            server_id: its key.
            at: when.
        """
        resolution = timedelta(seconds=self._settings.activity_resolution)
        before = self._servers.get(server_id) or self._written.get(server_id)
        if before is None or at - before >= resolution:
            self._servers[server_id] = at

    async def report(self, user: User, at: datetime | None, servers: Mapping[str, datetime]) -> None:
        """Note what a server reports of itself and its user.

        Args:
            user: the user.
            at: last activity of the user; None when nothing is said of it.
            servers: last activity by name of server.

        Raises:
            InvalidError: nothing is said, a server does not exist, or a time lies in the future.
        """
        if at is None and not servers:
            raise InvalidError("say at least one of last_activity and servers")
        latest = utcnow() + timedelta(seconds=CLOCK_AHEAD_SECONDS)
        for moment in (at, *servers.values()):
            if moment is not None and moment > latest:
                raise InvalidError(f"{isoformat(moment)} lies more than an hour in the future")
        known = {
            server.name: server for server in await self._store.read(lambda tx: tx.servers.of_user(user.id))
        }
        unknown = sorted(servers.keys() - known.keys())
        if unknown:
            raise InvalidError(f"{user.name} has no server {shorten(unknown[0])}")
        for name, moment in servers.items():
            self.server(known[name].id, moment)
        if at is not None:
            self.user(user.id, at)

    def user(self, user_id: int, at: datetime) -> None:
        """Note activity of a user.

        Args:
            user_id: key of the user.
            at: when.
        """
        resolution = timedelta(seconds=self._settings.activity_resolution)
        before = self._users.get(user_id) or self._users_written.get(user_id)
        if before is None or at - before >= resolution:
            self._users[user_id] = at

    def token(self, token_id: int) -> None:
        """Note that a token was used.

        Args:
            token_id: its key.
        """
        self._tokens[token_id] = utcnow()

    def session(self, session: LoginSession) -> None:
        """Note that a login session is used; that is stored now and then only.

        Args:
            session: which, as it was read.
        """
        now = time.time()
        if now - session.seen >= SESSION_SEEN_SECONDS:
            self._sessions[session.id] = now

    async def routes(self, seen: Mapping[str, datetime], router: Router) -> None:
        """Note activity that the proxy saw.

        Args:
            seen: last activity by routespec.
            router: knows which server a routespec belongs to.
        """
        servers = await self._store.read(lambda tx: tx.servers.active())
        for server in servers:
            at = seen.get(router.route_of(server).routespec)
            if at is not None:
                self.server(server.id, at)

    async def flush(self) -> None:
        """Write what was noted."""
        servers, self._servers = self._servers, {}
        tokens, self._tokens = self._tokens, {}
        users, self._users = self._users, {}
        sessions, self._sessions = self._sessions, {}
        if not servers and not tokens and not users and not sessions:
            return

        def work(tx: Transaction) -> None:
            tx.servers.touch(servers)
            tx.tokens.touch(tokens)
            tx.sessions.touch(sessions)
            for user_id, at in users.items():
                tx.users.update(user_id, last_activity=at)

        try:
            await self._store.write(work)
        except Exception:
            self._servers = {**servers, **self._servers}
            self._tokens = {**tokens, **self._tokens}
            self._users = {**users, **self._users}
            self._sessions = {**sessions, **self._sessions}
            raise
        self._written.update(servers)
        self._users_written.update(users)

    async def run(self) -> None:
        """Write for ever."""
        await repeat(self.flush, ACTIVITY_FLUSH_SECONDS, "activity is not written", log)
