"""What the services ask of the storage about shares."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from plughub.domain.servers import ServerRecord
from plughub.domain.shares import GranteeKind, Share, ShareCode, ShareQuery


class Shares(Protocol):
    """Shares of servers, and codes that can be turned into some."""

    def page(self, query: ShareQuery, offset: int, limit: int) -> list[Share]:
        """List a page of shares, by key."""

    def count(self, query: ShareQuery) -> int:
        """Count the shares of all pages."""

    def find(self, server_id: int, kind: GranteeKind, grantee_id: int) -> Share | None:
        """Find what a user or group was granted of a server."""

    def grant(
        self, server: ServerRecord, kind: GranteeKind, grantee_id: int, scopes: Collection[str]
    ) -> Share:
        """Grant scopes to a user or group, beside those that they have of the server already."""

    def revoke(
        self, server_id: int, kind: GranteeKind, grantee_id: int, scopes: Collection[str] = ()
    ) -> Share | None:
        """Take scopes back, all when none are given; answers what is left."""

    def revoke_all(self, server_id: int) -> int:
        """Take all shares of a server back; answers how many."""

    def add_code(
        self, server: ServerRecord, *, hashed: str, prefix: str, scopes: Collection[str], expires_at: datetime
    ) -> ShareCode:
        """Store a code."""

    def codes(self, query: ShareQuery, offset: int, limit: int) -> list[ShareCode]:
        """List a page of codes that have not ended, by key."""

    def count_codes(self, query: ShareQuery) -> int:
        """Count the codes of all pages."""

    def code_candidates(self, prefix: str) -> list[tuple[str, int, ShareCode]]:
        """List hash, key of the server and record of the codes with a prefix that have not ended."""

    def delete_code(self, server_id: int, code_id: int) -> bool:
        """Delete a code of a server; False when there is none."""

    def delete_codes(self, server_id: int) -> int:
        """Delete the codes of a server; answers how many."""

    def exchanged(self, code_id: int) -> bool:
        """Note that a code was used now; False when it was deleted since it was read."""

    def purge(self) -> int:
        """Delete shares and codes that have ended; answers how many."""
