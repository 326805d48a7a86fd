"""Addresses of servers and services in browsers, and their routespecs."""

from __future__ import annotations

from plughub.domain.paths import former_path, is_same_path
from plughub.domain.routes import ServerLocation
from plughub.domain.servers import ServerRecord
from plughub.domain.urls import service_url, user_url
from plughub.services.settings import HubSettings


def server_prefix(settings: HubSettings, server: ServerRecord | ServerLocation) -> str:
    """Return the path of a server, with a slash at both ends."""
    # A running server keeps the spelling of the path that it was started with, by any version of the hub.
    path = user_url(settings.base_url, server.user, server.name)
    stored = former_path(path) if server.prefix == "/" else server.prefix
    return stored if stored and is_same_path(stored, path) else path


def link_to_server(settings: HubSettings, server: ServerRecord) -> str:
    """Return the address at which a browser opens a server; a path when it shares the hub's origin."""
    return settings.origins.of_user(server.user) + server_prefix(settings, server)


def server_link(settings: HubSettings, user: str, server: str) -> str:
    """Return the address at which a browser opens a server of which only the name is known.

    Args:
        settings: settings of the hub.
        user: name of the user.
        server: name of the server, empty for the default one.

    Returns:
        The address; a path when the server shares the hub's origin.
    """
    return settings.origins.of_user(user) + user_url(settings.base_url, user, server)


def service_link(settings: HubSettings, service: str) -> str:
    """Return the address at which a browser opens a service; a path when it shares the hub's origin."""
    return settings.origins.of_service(service) + service_url(settings.base_url, service)


def server_routespec(settings: HubSettings, server: ServerRecord | ServerLocation) -> str:
    """Return the routespec of a server."""
    origins = settings.origins
    return origins.routespec(origins.of_user(server.user), server_prefix(settings, server))


def service_routespec(settings: HubSettings, service: str) -> str:
    """Return the routespec of a service."""
    origins = settings.origins
    return origins.routespec(origins.of_service(service), service_url(settings.base_url, service))


def public_address(settings: HubSettings, link: str) -> str:
    """Complete a path or address to a full address; empty when the hub's own address is unknown."""
    if not link.startswith("/"):
        return link
    return f"{settings.hub_origin}{link}" if settings.hub_origin else ""


def hub_host(settings: HubSettings) -> str:
    """Return what servers and services put before paths of the hub; empty when they share its origin."""
    return "" if settings.shares_origin else settings.origins.hub
