"""Record that `hub_check_token` returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIdentity:
    """Owner, scopes and expiry of a token.

    Attributes:
        name: name of the user or service.
        kind: ``user`` or ``service``.
        scopes: scopes of the token, always limited to those of its owner; ``inherit`` stands for all scopes
            of the owner.
        expires_at: expiry in seconds since the epoch (UTC); None for a token that does not expire.
        token_id: id for the audit log, such as ``a12``; empty if there is none.
        session_id: login session whose end revokes the token; empty if there is none.
        client_id: the OAuth client that the token was issued to; empty if there is none.
        by_person: whether use of the token counts as activity of its owner. False for a server's own token.
    """

    name: str
    kind: str = "user"
    scopes: frozenset[str] = frozenset({"inherit"})
    expires_at: float | None = None
    token_id: str = ""
    session_id: str = ""
    client_id: str = ""
    by_person: bool = True
