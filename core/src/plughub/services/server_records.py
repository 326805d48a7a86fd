"""Servers as plugins see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from plughub.domain.errors import ConflictError
from plughub.domain.hostnames import SERVICE, USER
from plughub.domain.names import quote_path
from plughub.domain.oauth import server_client_id
from plughub.domain.routes import ServerLocation
from plughub.domain.scopes import access_scopes
from plughub.domain.servers import ServerRecord
from plughub.domain.tokens import SERVER_NOTE
from plughub.domain.users import User
from plughub.kinds import Server, UserInfo
from plughub.services.addresses import hub_host, link_to_server, public_address, server_prefix
from plughub.services.settings import HubSettings
from plughub.storage.store import Transaction


def plugin_view(
    settings: HubSettings,
    record: ServerRecord,
    user: User,
    *,
    environment: Mapping[str, str] | None = None,
    operation: str = "",
) -> Server:
    """Show a server to a plugin.

    Args:
        settings: of the hub.
        record: the server.
        user: its user.
        environment: variables for a start.
        operation: the start, when it is not the one that launched what runs.

    Returns:
        What the plugin sees.
    """
    return Server(
        user=UserInfo(name=user.name, admin=user.admin, groups=user.groups),
        name=record.name,
        mark=settings.mark,
        operation=operation or record.launch,
        options=record.options,
        state=record.state,
        environment=environment or {},
        prefix=server_prefix(settings, record),
        hub_api_url=settings.api_url,
        public_url=settings.public_url or settings.origins.hub,
        url="" if environment else record.url,
    )


def stored_view(tx: Transaction, settings: HubSettings, record: ServerRecord) -> Server:
    """Show a server to a plugin, with its user as stored now.

    Args:
        tx: the transaction.
        settings: of the hub.
        record: the server.

    Returns:
        What the plugin sees.

    Raises:
        ConflictError: the user was deleted meanwhile.
    """
    user = tx.users.by_id(record.user_id)
    if user is None:
        raise ConflictError(f"{record.full_name} was deleted")
    return plugin_view(settings, record, user)


def server_environment(settings: HubSettings, record: ServerRecord, token: str) -> dict[str, str]:
    """Give the variables that a single-user server reads.

    Args:
        settings: of the hub.
        record: the server.
        token: its API token.

    Returns:
        Everything but the address to bind to.

    Source:
        The environment that JupyterHub 6 gives to its servers.
    """
    prefix = server_prefix(settings, record)
    wide = f"access:servers!user={record.user}"
    scopes = json.dumps([*sorted(access_scopes(record.user, record.name)), wide])
    link = link_to_server(settings, record)
    spawner = settings.spawners.get(record.backend)
    allowed = spawner.oauth_client_allowed_scopes if spawner else None
    return {
        "JUPYTERHUB_API_TOKEN": token,
        "JPY_API_TOKEN": token,
        "JUPYTERHUB_CLIENT_ID": server_client_id(record.user, record.name),
        **cookie_environment(settings, USER),
        "JUPYTERHUB_HOST": hub_host(settings),
        "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{link}oauth_callback",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
        "JUPYTERHUB_OAUTH_SCOPES": scopes,
        "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES": json.dumps(list(allowed or ())),
        "JUPYTERHUB_USER": record.user,
        "JUPYTERHUB_SERVER_NAME": record.name,
        "JUPYTERHUB_API_URL": settings.api_url,
        "JUPYTERHUB_ACTIVITY_URL": f"{settings.api_url}/users/{quote_path(record.user)}/activity",
        "JUPYTERHUB_BASE_URL": settings.base_url,
        "JUPYTERHUB_SERVICE_PREFIX": prefix,
        "JUPYTERHUB_PUBLIC_URL": public_address(settings, link),
        "JUPYTERHUB_PUBLIC_HUB_URL": public_address(settings, settings.hub_prefix),
    }


def cookie_environment(settings: HubSettings, kind: str = SERVICE) -> dict[str, str]:
    """Give the variables that tell servers and services how to set their cookies.

    A cookie with the prefix ``__Host-`` goes to all paths, so where a second host serves them all, each
    would get those of the others.

    Args:
        settings: of the hub.
        kind: ``user`` for a server, ``service`` for a service.

    Returns:
        The variables.
    """
    origins = settings.origins
    prefixed = settings.cookie_host_prefix and (origins.shared or not origins.shares_host(kind))
    options = {"JUPYTERHUB_COOKIE_OPTIONS": json.dumps(settings.cookie_options)}
    return {
        "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED": str(int(bool(prefixed))),
        **(options if settings.cookie_options else {}),
    }


def server_token_note(record: ServerRecord) -> str:
    """Give the note of a server's own token, by which it is found again.

    Args:
        record: the server.

    Returns:
        The note.
    """
    return f"{SERVER_NOTE}{record.full_name}"


def server_token_notes(settings: HubSettings, record: ServerRecord) -> tuple[str, ...]:
    """Give the notes that a server's own token may have: ours, and that of a JupyterHub that was taken over.

    Args:
        settings: of the hub.
        record: the server.

    Returns:
        The notes.
    """
    return server_token_note(record), f"{SERVER_NOTE}{server_prefix(settings, record)}"


def route_data(record: ServerRecord | ServerLocation) -> dict[str, Any]:
    """Give the data that belongs to the route of a server.

    Args:
        record: the server.

    Returns:
        Data that names its user and itself.
    """
    return {"user": record.user, "server_name": record.name}
