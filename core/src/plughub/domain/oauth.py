"""OAuth clients and codes, and the tokens that they lead to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote

MAX_CLIENT_ID: Final = 255
"""Characters that the database has room for."""
_CUT: Final = 200

IDENTIFY: Final = "identify"
"""What every client may ask for: who is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """A client of the hub's OAuth2 provider: a server of a user, or a service.

    Attributes:
        identifier: its client id.
        secret: hash of its secret.
        redirect_uri: the only address to which a code is sent; may be a path.
        description: what the consent page calls it.
        allowed_scopes: what its tokens may hold.
        server_id: the server that it is; None for a service.
        user: name of the server's user; empty for a service.
        server: name of the server.
        service: name of the service; empty for a server.
        no_confirm: visitors are not asked.
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
    """A code on its way from the hub through the browser to a client.

    Attributes:
        code: the code.
        client_id: for whom.
        user_id: who agreed.
        redirect_uri: where it was sent.
        session_id: login session of the browser.
        scopes: what was agreed to.
        expires_at: seconds since the epoch.
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
    """A token, as stored; its text is not.

    Attributes:
        id: key of the row; the API calls it ``a<id>``.
        user_id: its owner, when that is a user.
        service_id: its owner, when that is a service.
        owner: name of its owner.
        client_id: the OAuth client it was made for; ``jupyterhub`` for plain API tokens.
        client_description: what pages call that client.
        session_id: login session that it ends with.
        note: what its owner wrote.
        scopes: what it may do, not expanded.
        created: when it was made.
        last_activity: when it was used last.
        expires_at: when it ends.
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
    """Name the OAuth client, and the cookie, of a server.

    The mark between the two parts is one that an escaped name cannot hold, so that no two servers
    share a client. An id that is too long to be stored is cut and ends with a hash of the whole.

    Args:
        user: name of the user.
        server: name of the server, empty for the default one.

    Returns:
        The client id.
    """
    full = f"jupyterhub-user-{quote(user, safe='')}" + (f"!{quote(server, safe='')}" if server else "")
    if len(full) <= MAX_CLIENT_ID:
        return full
    return f"{full[:_CUT]}!!{hashlib.sha256(full.encode()).hexdigest()[:32]}"
