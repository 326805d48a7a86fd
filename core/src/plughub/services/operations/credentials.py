"""Credentials of servers: their token and their OAuth client."""

from __future__ import annotations

from typing import Final

from plughub.domain.oauth import OAuthClient, server_client_id
from plughub.domain.roles import SERVER_ROLE
from plughub.domain.scopes import access_scopes
from plughub.domain.servers import ServerRecord
from plughub.domain.tokens import GENERATED_ROUNDS, hash_token, token_prefix
from plughub.kinds import SpawnerInfo
from plughub.services.addresses import server_prefix
from plughub.services.server_records import server_token_note, server_token_notes
from plughub.services.settings import HubSettings
from plughub.services.tokens.role_scopes import scopes_of_role
from plughub.storage.store import Transaction

REPORT_ACTIVITY: Final = "users:activity!user"


def store_credentials(tx: Transaction, settings: HubSettings, server: ServerRecord, token: str) -> int:
    """Store the token and the OAuth client of a server that is about to start; return the token's key.

    Both have the same secret.
    """
    save_client(tx, settings, server, token)
    # A server that may not report its activity would be culled while in use.
    own = settings.spawners.get(server.backend, SpawnerInfo()).server_token_scopes
    given = own and (*own, REPORT_ACTIVITY)
    scopes = _bind_to_server(given or scopes_of_role(tx, SERVER_ROLE), server)
    return tx.tokens.add(
        hashed=hash_token(token, rounds=GENERATED_ROUNDS),
        prefix=token_prefix(token),
        user_id=server.user_id,
        note=server_token_note(server),
        scopes=scopes,
    )


def save_client(tx: Transaction, settings: HubSettings, server: ServerRecord, token: str) -> None:
    """Store the OAuth client of a server; its secret is the server's token."""
    info = settings.spawners.get(server.backend, SpawnerInfo())
    prefix = server_prefix(settings, server)
    tx.oauth.save_client(
        OAuthClient(
            identifier=server_client_id(server.user, server.name),
            secret=hash_token(token, rounds=GENERATED_ROUNDS),
            redirect_uri=f"{prefix}oauth_callback",
            description=f"Server at {prefix}",
            allowed_scopes=access_scopes(server.user, server.name)
            | frozenset(info.oauth_client_allowed_scopes or ()),
        )
    )


def server_token_keys(tx: Transaction, settings: HubSettings, server: ServerRecord) -> list[int]:
    """Return the keys of the tokens that were created for the server itself."""
    notes = server_token_notes(settings, server)
    return tx.tokens.of_notes(server.user_id, notes)


def revoke_credentials(tx: Transaction, settings: HubSettings, server: ServerRecord) -> None:
    """Delete the tokens and the OAuth client of a server, with everything granted to the client.

    Args:
        tx: the transaction.
        settings: settings of the hub.
        server: the server as it was while it ran, with the name it had then.
    """
    tx.tokens.delete(server_token_keys(tx, settings, server))
    tx.oauth.delete_client(server.oauth_client_id or server_client_id(server.user, server.name))


def _bind_to_server(scopes: tuple[str, ...], record: ServerRecord) -> list[str]:
    """Bind ``!server`` filters to the server: its own token has no OAuth client from which to derive it."""
    own_filter = f"!server={record.full_name}"
    return [
        f"{scope.removesuffix('!server')}{own_filter}" if scope.endswith("!server") else scope
        for scope in scopes
    ]


def client_of(server: ServerRecord) -> str:
    """Return the identifier of the OAuth client of a server."""
    return server_client_id(server.user, server.name)
