"""Activity of users and servers: the latest times are collected in memory and written in batches."""

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
"""Servers, and users, whose last written time is cached, so that it is not written again."""


class ActivityService:
    """Collects activity.

    Args:
        store: the storage.
        settings: settings of the hub.
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

    def record_server(self, server_id: int, at: datetime) -> None:
        """Record activity of a server."""
        resolution = timedelta(seconds=self._settings.activity_resolution)
        before = self._servers.get(server_id) or self._written.get(server_id)
        if before is None or at - before >= resolution:
            self._servers[server_id] = at

    async def report(self, user: User, at: datetime | None, servers: Mapping[str, datetime]) -> None:
        """Record what a server reports about itself and its user.

        Args:
            user: the user.
            at: last activity of the user; None when it is not reported.
            servers: last activity by name of server.

        Raises:
            InvalidError: the report is empty, a server does not exist, or a time lies in the future.
        """
        if at is None and not servers:
            raise InvalidError("at least one of last_activity and servers is required")
        latest = utcnow() + timedelta(seconds=CLOCK_AHEAD_SECONDS)
        for moment in (at, *servers.values()):
            if moment is not None and moment > latest:
                raise InvalidError(f"{isoformat(moment)} is more than an hour in the future")
        known = {
            server.name: server for server in await self._store.read(lambda tx: tx.servers.of_user(user.id))
        }
        unknown = sorted(servers.keys() - known.keys())
        if unknown:
            raise InvalidError(f"{user.name} has no server {shorten(unknown[0])}")
        for name, moment in servers.items():
            self.record_server(known[name].id, moment)
        if at is not None:
            self.record_user(user.id, at)

    def record_user(self, user_id: int, at: datetime) -> None:
        """Record activity of a user."""
        resolution = timedelta(seconds=self._settings.activity_resolution)
        before = self._users.get(user_id) or self._users_written.get(user_id)
        if before is None or at - before >= resolution:
            self._users[user_id] = at

    def record_token(self, token_id: int) -> None:
        """Record that a token was used."""
        self._tokens[token_id] = utcnow()

    def record_session(self, session: LoginSession) -> None:
        """Record that a login session was used, unless that was stored recently."""
        now = time.time()
        if now - session.seen >= SESSION_SEEN_SECONDS:
            self._sessions[session.id] = now

    async def record_routes(self, seen: Mapping[str, datetime], router: Router) -> None:
        """Record activity that the proxy reports.

        Args:
            seen: last activity by routespec.
            router: knows the routespec of each server.
        """
        servers = await self._store.read(lambda tx: tx.servers.active())
        for server in servers:
            at = seen.get(router.route_of(server).routespec)
            if at is not None:
                self.record_server(server.id, at)

    async def flush(self) -> None:
        """Write the recorded activity."""
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
        """Write recorded activity at regular intervals, until cancelled."""
        await repeat(self.flush, ACTIVITY_FLUSH_SECONDS, "cannot write activity", log)
