"""Where browsers reach servers and services, and how their routes are named, whatever origins they have."""

from __future__ import annotations

from plughub.domain.paths import former_path, is_same_path
from plughub.domain.routes import ServerLocation
from plughub.domain.servers import ServerRecord
from plughub.domain.urls import service_url, user_url
from plughub.services.settings import HubSettings


def server_prefix(settings: HubSettings, server: ServerRecord | ServerLocation) -> str:
    """Return the path below which a server is reached.

    A running server goes by the spelling that it was told at its start, by whichever version of the hub.

    Args:
        settings: of the hub.
        server: the server.

    Returns:
        The path, with a slash at both ends.
    """
    path = user_url(settings.base_url, server.user, server.name)
    told = former_path(path) if server.prefix == "/" else server.prefix
    return told if told and is_same_path(told, path) else path


def link_to_server(settings: HubSettings, server: ServerRecord) -> str:
    """Return where the hub sends a browser that opens a server, in the spelling that the server goes by.

    Args:
        settings: of the hub.
        server: the server.

    Returns:
        The address; a path when the server has the hub's origin.
    """
    return settings.origins.of_user(server.user) + server_prefix(settings, server)


def server_link(settings: HubSettings, user: str, server: str) -> str:
    """Return where the hub sends a browser that opens a server of which it knows the name alone.

    Args:
        settings: of the hub.
        user: name of the user.
        server: name of the server, empty for the default one.

    Returns:
        The address; a path when the server has the hub's origin.
    """
    return settings.origins.of_user(user) + user_url(settings.base_url, user, server)


def service_link(settings: HubSettings, service: str) -> str:
    """Return where the hub sends a browser that opens a service.

    Args:
        settings: of the hub.
        service: name of the service.

    Returns:
        The address; a path when the service has the hub's origin.
    """
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
    """Complete an address that may be a path of the hub.

    Args:
        settings: of the hub.
        link: path or address.

    Returns:
        The whole address; empty when the hub's own is not known.
    """
    if not link.startswith("/"):
        return link
    return f"{settings.hub_origin}{link}" if settings.hub_origin else ""


def hub_host(settings: HubSettings) -> str:
    """Return what a server or service puts before paths of the hub; empty when they share its origin."""
    return "" if settings.shares_origin else settings.origins.hub
