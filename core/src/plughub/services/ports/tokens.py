"""What the services ask of the storage about tokens, OAuth clients and codes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from plughub.domain.oauth import OAuthClient, OAuthCode, TokenRecord


class Tokens(Protocol):
    """Tokens; their text is never stored."""

    def create(
        self,
        *,
        hashed: str,
        prefix: str,
        user_id: int | None = None,
        service_id: int | None = None,
        client_id: str = "jupyterhub",
        session_id: str = "",
        note: str = "",
        scopes: Collection[str] = (),
        expires_at: datetime | None = None,
    ) -> TokenRecord:
        """Store a token."""

    def candidates(self, prefix: str) -> list[tuple[str, TokenRecord]]:
        """List hash and record of the tokens with a prefix that have not ended."""

    def by_id(self, token_id: int) -> TokenRecord | None:
        """Find a token by key."""

    def of_user(self, user_id: int) -> list[TokenRecord]:
        """List the tokens of a user that have not ended."""

    def count(self, user_id: int) -> int:
        """Count the API tokens of a user that have not ended, without those of OAuth clients."""

    def delete(self, token_ids: Collection[int]) -> None:
        """Delete tokens; every process forgets them."""

    def of_session(self, session_id: str, user_id: int) -> list[int]:
        """List the keys of the tokens of a login session."""

    def of_any_session(self, user_id: int) -> list[int]:
        """List the keys of the tokens of all login sessions of a user."""

    def of_client(self, client_id: str, user_id: int | None = None) -> list[int]:
        """List the keys of the tokens made for a client."""

    def of_note(self, user_id: int, note: str) -> list[int]:
        """List the keys of the plain tokens of a user that bear a note."""

    def matching(self, prefix: str, token: str) -> int | None:
        """Find the key of a token by its text."""

    def touch(self, token_ids: Mapping[int, datetime]) -> None:
        """Move the last use forward."""

    def purge(self) -> int:
        """Delete tokens and codes that have ended."""


class OAuth(Protocol):
    """OAuth clients and codes."""

    def client(self, identifier: str) -> OAuthClient | None:
        """Find a client."""

    def save_client(self, client: OAuthClient) -> None:
        """Store a client, or bring it up to date."""

    def delete_client(self, identifier: str) -> None:
        """Delete a client with its codes and tokens."""

    def save_code(self, code: OAuthCode) -> None:
        """Store a code."""

    def count_codes(self, user_id: int) -> int:
        """Count the codes of a user that have not ended."""

    def code(self, client_id: str, code: str) -> OAuthCode | None:
        """Find a code that has not ended."""

    def delete_codes_of(self, user_id: int) -> None:
        """Delete the codes that were made for a user."""

    def delete_code(self, client_id: str, code: str) -> bool:
        """Use a code up; False when somebody did before."""
