"""Addresses of hub and proxy, read from the settings."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from plughub.app.config import JupyterHub
from plughub.app.hub_socket import HubSocket, read_hub_socket
from plughub.domain.errors import InvalidError, StartError
from plughub.domain.paths import check_base_url
from plughub.domain.unix_sockets import is_unix_socket_url, unix_socket_path, unix_socket_url
from plughub.domain.urls import host_in_url, hub_url

DEFAULT_HUB_PORT: Final = 8081


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Addresses of hub and proxy.

    Attributes:
        ip: address on which the proxy listens.
        port: port on which the proxy listens.
        base_url: path prefix of the whole application.
        hub_ip: address on which the hub listens.
        hub_port: port on which the hub listens.
        hub_socket: Unix socket on which the hub listens instead; None for none.
        connect_url: URL, without a path, at which servers connect to the hub, and proxies that cannot
            connect to its socket.
    """

    ip: str
    port: int
    base_url: str
    hub_ip: str
    hub_port: int
    hub_socket: HubSocket | None
    connect_url: str

    @property
    def hub_prefix(self) -> str:
        """Path of the hub's own pages."""
        return hub_url(self.base_url)

    @property
    def api_url(self) -> str:
        """URL of the API for servers."""
        return f"{self.connect_url}{self.hub_prefix}api"


def addresses(hub: JupyterHub) -> Addresses:
    """Read the addresses from the settings.

    Raises:
        StartError: a URL is invalid.
    """
    public = _split(hub.bind_url, "bind_url")
    hub_socket = read_hub_socket(hub)
    internal = None if hub_socket else _split(hub.hub_bind_url, "hub_bind_url")
    ip, port, path = public or (hub.ip, hub.port, "")
    hub_ip, hub_port, _ = internal or (hub.hub_ip, hub.hub_port, "")
    return Addresses(
        ip="" if ip == "*" else ip,
        port=port or 8000,
        base_url=_base_url("bind_url", path) if path.strip("/") else _base_url("base_url", hub.base_url),
        hub_ip="" if hub_ip == "*" else hub_ip,
        hub_port=hub_port or DEFAULT_HUB_PORT,
        hub_socket=hub_socket,
        connect_url=_connect_url(hub, hub_socket, hub_ip, hub_port),
    )


def _connect_url(hub: JupyterHub, hub_socket: HubSocket | None, hub_ip: str, hub_port: int) -> str:
    """Return the URL at which other components connect to the hub."""
    if is_unix_socket_url(hub.hub_connect_url):
        if hub_socket is None:
            raise StartError(
                f"c.JupyterHub.hub_connect_url = {hub.hub_connect_url!r} is a Unix socket, but the hub does "
                "not listen on one",
                hint="set JupyterHub.hub_bind_url to the URL of a socket as well, or remove hub_connect_url",
            )
        return unix_socket_url(unix_socket_path(hub.hub_connect_url))
    everywhere = hub_ip in {"", "0.0.0.0", "::", "*"}  # noqa: S104 - a comparison
    connect_ip = hub.hub_connect_ip or (socket.gethostname() if everywhere else hub_ip)
    host, port = host_in_url(connect_ip), hub.hub_connect_port or hub_port or DEFAULT_HUB_PORT
    given = urlsplit(hub.hub_connect_url)
    scheme = "https" if hub.internal_ssl else "http"
    url = f"{given.scheme}://{given.netloc}" if given.netloc else f"{scheme}://{host}:{port}"
    if hub.internal_ssl and not url.startswith("https://"):
        raise StartError(
            f"c.JupyterHub.hub_connect_url = {hub.hub_connect_url!r} must begin with https:// (internal_ssl)"
        )
    return hub_socket.url if hub_socket and not given.netloc else url


def _base_url(setting: str, path: str) -> str:
    """Normalise the path prefix of the application."""
    try:
        return check_base_url(path)
    except InvalidError as error:
        raise StartError(
            f"c.JupyterHub.{setting}: {error}",
            hint="use a path such as /jupyter/; spaces and letters of any script are allowed",
        ) from error


def _split(url: str, name: str) -> tuple[str, int, str] | None:
    if not url:
        return None
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise StartError(f"c.JupyterHub.{name} = {url!r}: {error}") from error
    if parts.scheme not in {"http", "https"}:
        raise StartError(
            f"c.JupyterHub.{name} = {url!r} is not an HTTP URL",
            hint="use a URL such as http://127.0.0.1:8000",
        )
    return parts.hostname or "", port or 0, parts.path
