"""Lists of the administration console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from plughub.domain.errors import NotFoundError
from plughub.domain.lists import (
    GroupSummary,
    Listed,
    ListedSession,
    ListedToken,
    ListQuery,
    RoleSummary,
    ServerQuery,
    TokenQuery,
)
from plughub.domain.names import shorten
from plughub.domain.scopes import ScopeCoverage
from plughub.domain.servers import ServerRecord
from plughub.domain.users import User, UserQuery
from plughub.storage.store import Store, Transaction

MAX_CHOICES: Final = 200
"""Groups that a control offers."""


@dataclass(frozen=True, slots=True)
class ListedServer:
    """Server with its user.

    Attributes:
        server: the server.
        user: its user.
    """

    server: ServerRecord
    user: User


class ConsoleLists:
    """Reads the lists of the administration console, page by page.

    Args:
        store: the storage.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def counts(
        self, *, users: UserQuery, servers: Mapping[str, ServerQuery], sessions: ListQuery
    ) -> Mapping[str, int]:
        """Count users, servers of some kinds and sessions.

        Args:
            users: which users.
            servers: which servers, by kind.
            sessions: which sessions.

        Returns:
            The numbers by ``users``, ``sessions`` and the kinds of servers.
        """

        def work(tx: Transaction) -> Mapping[str, int]:
            return {
                "users": tx.user_list.count(users),
                "sessions": tx.lists.count_sessions(sessions),
                **{kind: tx.lists.count_servers(query) for kind, query in servers.items()},
            }

        return await self._store.read(work)

    async def servers(self, query: ServerQuery) -> Listed[ListedServer]:
        """Return a page of servers."""

        def work(tx: Transaction) -> Listed[ListedServer]:
            keys = tx.lists.server_keys(query)
            servers = {server.id: server for server in tx.servers.by_ids(keys.items)}
            users = {user.id: user for user in tx.user_list.by_ids({s.user_id for s in servers.values()})}
            shown = [servers[key] for key in keys.items if key in servers]
            return Listed(
                [ListedServer(server, users[server.user_id]) for server in shown if server.user_id in users],
                keys.total,
            )

        return await self._store.read(work)

    async def groups(self, query: ListQuery) -> Listed[GroupSummary]:
        """Return a page of groups by name."""
        return await self._store.read(lambda tx: tx.lists.groups(query))

    async def group(self, name: str) -> GroupSummary:
        """Return a group without its members.

        Raises:
            NotFoundError: there is no such group.
        """
        found = await self._store.read(lambda tx: tx.lists.group(name))
        if found is None:
            raise NotFoundError(f"there is no group {shorten(name)}")
        return found

    async def group_names(self, within: ScopeCoverage) -> list[str]:
        """Return the names of some groups in a coverage, as choices."""
        return await self._store.read(lambda tx: tx.lists.group_names(within, MAX_CHOICES))

    async def roles(self) -> list[RoleSummary]:
        """Return all roles by name."""
        return await self._store.read(lambda tx: tx.lists.roles())

    async def tokens(self, query: TokenQuery) -> Listed[ListedToken]:
        """Return a page of the valid tokens, the last used ones first."""
        return await self._store.read(lambda tx: tx.lists.tokens(query))

    async def sessions(self, query: ListQuery) -> Listed[ListedSession]:
        """Return a page of the open login sessions, the last used ones first."""
        return await self._store.read(lambda tx: tx.lists.sessions(query))
