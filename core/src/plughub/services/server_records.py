"""Servers as plugins see them, and what a server needs to start."""

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
from plughub.domain.words import _
from plughub.kinds import Server, UserInfo
from plughub.services.addresses import hub_host, link_to_server, public_address, server_prefix
from plughub.services.settings import HubSettings
from plughub.storage.store import Transaction


def user_view(user: User, *, auth_state: Mapping[str, Any] | None = None) -> UserInfo:
    """Convert a user to the record that plugins receive."""
    return UserInfo(id=user.id, name=user.name, admin=user.admin, groups=user.groups, auth_state=auth_state)


def plugin_view(
    settings: HubSettings,
    record: ServerRecord,
    user: User,
    *,
    environment: Mapping[str, str] | None = None,
    operation: str = "",
) -> Server:
    """Convert a server record to the record that plugins receive.

    Args:
        settings: settings of the hub.
        record: the server.
        user: its user.
        environment: variables for a start.
        operation: the start, when it is not the one that launched the running server.
    """
    return Server(
        user=user_view(user),
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
        last_activity=record.last_activity,
    )


def stored_view(tx: Transaction, settings: HubSettings, record: ServerRecord) -> Server:
    """Convert a server record to the record that plugins receive, with its user as stored now.

    Raises:
        ConflictError: the user was deleted in the meantime.
    """
    user = tx.users.by_id(record.user_id)
    if user is None:
        raise ConflictError(_("%(full_name)s was deleted", full_name=record.full_name))
    return plugin_view(settings, record, user)


def server_environment(settings: HubSettings, record: ServerRecord, token: str) -> dict[str, str]:
    """Return the environment variables that a single-user server reads.

    The variables are those of JupyterHub 6. The address to bind to is not among them.

    Args:
        settings: settings of the hub.
        record: the server.
        token: its API token.
    """
    prefix = server_prefix(settings, record)
    all_servers = f"access:servers!user={record.user}"
    scopes = json.dumps([*sorted(access_scopes(record.user, record.name)), all_servers])
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
    """Return the variables that control how servers and services set their cookies.

    Args:
        settings: settings of the hub.
        kind: ``user`` for a server, ``service`` for a service.
    """
    origins = settings.origins
    # A ``__Host-`` cookie applies to all paths: on a host that several servers share, each would receive
    # the cookies of the others.
    prefixed = settings.cookie_host_prefix and (origins.shared or not origins.shares_host(kind))
    options = {"JUPYTERHUB_COOKIE_OPTIONS": json.dumps(settings.cookie_options)}
    return {
        "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED": str(int(bool(prefixed))),
        **(options if settings.cookie_options else {}),
    }


def server_token_note(record: ServerRecord) -> str:
    """Return the note that marks a server's own token in the database."""
    return f"{SERVER_NOTE}{record.full_name}"


def server_token_notes(settings: HubSettings, record: ServerRecord) -> tuple[str, ...]:
    """Return the possible notes of a server's own token: ours, and that of a JupyterHub database."""
    return server_token_note(record), f"{SERVER_NOTE}{server_prefix(settings, record)}"


def route_data(record: ServerRecord | ServerLocation) -> dict[str, Any]:
    """Return the data of a server's route: its user and name."""
    return {"user": record.user, "server_name": record.name}
