"""What the services ask of the storage about login sessions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from plughub.domain.sessions import LoginSession


class Sessions(Protocol):
    """Login sessions; the key that the cookie holds is never stored."""

    def add(
        self,
        hashed: str,
        *,
        user_id: int,
        session_id: str,
        plugin: str,
        authenticated_at: float,
        expires: float,
        agent: str = "",
        address: str = "",
        taken_over: bool = False,
    ) -> LoginSession | None:
        """Store a session; None when one with this hash is stored already, ended or not."""

    def find(self, hashed: str) -> LoginSession | None:
        """Find a session that has not ended."""

    def of_user(self, user_id: int) -> list[LoginSession]:
        """List the sessions of a user that have not ended, the one that was used last first."""

    def too_many(self, user_id: int, limit: int) -> list[int]:
        """List the keys of the sessions of a user beyond a limit, those used least recently."""

    def end(self, session_ids: Collection[int]) -> None:
        """End sessions; every process forgets them."""

    def confirm(self, session_id: int) -> None:
        """Note that the user of a session proved again who they are; every process looks it up again."""

    def touch(self, seen: Mapping[int, float]) -> None:
        """Move the last use forward."""

    def purge(self) -> int:
        """Delete sessions that have expired; answers how many."""
