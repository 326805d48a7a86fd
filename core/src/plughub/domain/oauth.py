"""OAuth clients, codes and tokens."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote

MAX_CLIENT_ID: Final = 255
"""Characters that fit into the database column."""
_CUT: Final = 200

IDENTIFY: Final = "identify"
"""Scope that every client may request: the identity of the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """Client of the hub's OAuth2 provider: a server of a user, or a service.

    Attributes:
        identifier: its client id.
        secret: hash of its secret.
        redirect_uri: the only address to which codes are sent; may be a path.
        description: its name on the consent page.
        allowed_scopes: scopes that its tokens may have.
        server_id: key of the server; None for a service.
        user: name of the server's user; empty for a service.
        server: name of the server.
        service: name of the service; empty for a server.
        no_confirm: whether the consent page is skipped.
    """

    identifier: str
    secret: str = field(repr=False)
    redirect_uri: str
    description: str = ""
    allowed_scopes: frozenset[str] = frozenset()
    server_id: int | None = None
    user: str = ""
    server: str = ""
    service: str = ""
    no_confirm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthCode:
    """Authorization code, sent from the hub through the browser to a client.

    Attributes:
        code: the code.
        client_id: the client that may redeem it.
        user_id: key of the user who consented.
        redirect_uri: the address to which it was sent.
        session_id: login session of the browser.
        scopes: the granted scopes.
        expires_at: expiry in seconds since the epoch.
        challenge: PKCE challenge; empty for none.
        challenge_method: ``S256`` or ``plain``.
    """

    code: str = field(repr=False)
    client_id: str
    user_id: int
    redirect_uri: str
    session_id: str
    scopes: frozenset[str]
    expires_at: int
    challenge: str = ""
    challenge_method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecord:
    """Stored token, without its text.

    Attributes:
        id: key of the row; the API calls it ``a<id>``.
        user_id: key of the owner if it is a user.
        service_id: key of the owner if it is a service.
        owner: name of the owner.
        client_id: the OAuth client it was issued to; ``jupyterhub`` for plain API tokens.
        client_description: name of that client on pages.
        session_id: login session whose end revokes the token.
        note: note of the owner.
        scopes: its unexpanded scopes.
        created: time of creation.
        last_activity: time of last use.
        expires_at: expiry.
    """

    id: int
    user_id: int | None = None
    service_id: int | None = None
    owner: str = ""
    client_id: str = "jupyterhub"
    client_description: str = ""
    session_id: str = ""
    note: str = ""
    scopes: frozenset[str] = frozenset()
    created: datetime | None = None
    last_activity: datetime | None = None
    expires_at: datetime | None = None


def server_client_id(user: str, server: str) -> str:
    """Return the OAuth client id of a server, which is also the name of its cookie.

    The separator cannot occur in an escaped name, so no two servers share a client. An id that is too long
    for the database is cut and ends with a hash of the whole.

    Args:
        user: name of the user.
        server: name of the server, empty for the default one.
    """
    full = f"jupyterhub-user-{quote(user, safe='')}" + (f"!{quote(server, safe='')}" if server else "")
    if len(full) <= MAX_CLIENT_ID:
        return full
    return f"{full[:_CUT]}!!{hashlib.sha256(full.encode()).hexdigest()[:32]}"
