"""What a token check answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIdentity:
    """The owner of a token.

    Attributes:
        name: name of the user or service.
        kind: ``user`` or ``service``.
        scopes: what the token may do; the owner's own scopes always bound it. ``inherit`` means all
            that the owner may.
        expires_at: seconds since the epoch (UTC) after which the token is void; None for never.
        token_id: id for the audit trail, such as ``a12``; empty when there is none.
        session_id: login session that the token ends with; empty when there is none.
        client_id: the OAuth client that the token was made for; empty when there is none.
        by_person: its use shows that its owner is active; a server's own token shows nothing of the kind.
    """

    name: str
    kind: str = "user"
    scopes: frozenset[str] = frozenset({"inherit"})
    expires_at: float | None = None
    token_id: str = ""
    session_id: str = ""
    client_id: str = ""
    by_person: bool = True
