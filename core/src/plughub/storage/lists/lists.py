"""All lists of one transaction."""

from __future__ import annotations

from sqlalchemy import Connection

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
from plughub.domain.scopes import ScopeCoverage
from plughub.storage.lists.credentials import count_sessions, count_tokens, session_page, token_page
from plughub.storage.lists.groups import count_groups, find_group, group_names, group_page, role_summaries
from plughub.storage.lists.servers import count_servers, server_keys


class Lists:
    """Long lists, on one connection."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def server_keys(self, query: ServerQuery) -> Listed[int]:
        """List the keys of a page of servers."""
        return Listed(server_keys(self._connection, query), count_servers(self._connection, query))

    def count_servers(self, query: ServerQuery) -> int:
        """Count servers."""
        return count_servers(self._connection, query)

    def count_sessions(self, query: ListQuery) -> int:
        """Count open login sessions."""
        return count_sessions(self._connection, query, self._now)

    def groups(self, query: ListQuery) -> Listed[GroupSummary]:
        """List a page of groups."""
        return Listed(group_page(self._connection, query), count_groups(self._connection, query))

    def group(self, name: str) -> GroupSummary | None:
        """Find a group without its members."""
        return find_group(self._connection, name)

    def group_names(self, within: ScopeCoverage, limit: int) -> list[str]:
        """List names of groups."""
        return group_names(self._connection, within, limit)

    def roles(self) -> list[RoleSummary]:
        """List the roles."""
        return role_summaries(self._connection)

    def tokens(self, query: TokenQuery) -> Listed[ListedToken]:
        """List a page of the valid tokens."""
        return Listed(token_page(self._connection, query), count_tokens(self._connection, query))

    def sessions(self, query: ListQuery) -> Listed[ListedSession]:
        """List a page of the open login sessions."""
        return Listed(
            session_page(self._connection, query, self._now),
            count_sessions(self._connection, query, self._now),
        )
