"""Plain objects that describe user, server and hub to a spawner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from plughub.domain.names import quote_path
from plughub.domain.unix_sockets import SCHEME as UNIX_SOCKET
from plughub.domain.unix_sockets import unix_socket_path, unix_socket_url
from plughub.domain.urls import host_in_url
from plughub.kinds import Server

ALL_INTERFACES: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - a comparison
HTTP_PORTS: Final = {"http": 80, "https": 443}


class GroupName(str):
    """Name of a group, with an attribute ``name`` as config files of JupyterHub expect it."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name."""
        return str(self)


@dataclass
class ServerAddress:
    """Address on which a server listens. A spawner may change it.

    Attributes:
        ip: address or host name; empty for all interfaces.
        port: TCP port; 0 if unknown.
        base_url: path prefix of the server, such as ``/user/alice/``.
        proto: ``http`` or ``https``; ``http+unix`` for a hub at a Unix socket, with the escaped path as ip.
        cookie_name: name of the server's login cookie.
    """

    ip: str = ""
    port: int = 0
    base_url: str = "/"
    proto: str = "http"
    cookie_name: str = ""

    @property
    def host(self) -> str:
        """``http://address:port`` as seen from this machine, with 127.0.0.1 for all interfaces."""
        if self.proto == UNIX_SOCKET:
            return f"{self.proto}://{self.ip}"
        ip = "127.0.0.1" if self.ip in ALL_INTERFACES else self.ip
        return f"{self.proto}://{host_in_url(ip)}:{self.port}"

    @property
    def url(self) -> str:
        """``http://address:port/path/``."""
        return f"{self.host}{self.base_url}"

    def move_to(self, url: str) -> None:
        """Set the address to that of a URL, without its path.

        Args:
            url: ``http://address:port`` or ``https://address:port``, with any path.

        Raises:
            ValueError: the URL has another scheme.
        """
        parts = urlsplit(url)
        if parts.scheme not in HTTP_PORTS:
            raise ValueError(f"{url!r} is not the URL of a server, such as http://address:port")
        self.proto = parts.scheme
        self.ip = parts.hostname or ""
        self.port = HTTP_PORTS[parts.scheme] if parts.port is None else parts.port


@dataclass
class SpawnerUser:
    """User of a server.

    Attributes:
        name: normalised username.
        id: number of the user in this hub.
        admin: whether the user is an admin.
        groups: names of the user's groups.
        url: path prefix of the user's servers, such as ``/user/alice/``.
        escaped_name: username as a segment of a URL path.
        auth_state: secrets that the authenticator saved; None if there are none.
        server: address of the server that is about to start.
        state: state that was saved for the server, as ``Spawner.load_state`` receives it.
    """

    name: str
    admin: bool = False
    groups: list[GroupName] = field(default_factory=list)
    url: str = "/"
    escaped_name: str = ""
    auth_state: Mapping[str, Any] | None = field(default=None, repr=False)
    server: ServerAddress | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0

    async def get_auth_state(self) -> Mapping[str, Any] | None:
        """Return the saved secrets; asynchronous for compatibility with JupyterHub."""
        return self.auth_state


@dataclass
class SpawnerHub:
    """Facts about the hub for a spawner.

    Attributes:
        api_url: URL at which servers use the hub's API.
        base_url: path prefix of the hub, such as ``/hub/``.
        public_host: ``https://host`` of the hub if servers have hosts of their own, else empty.
        server: address at which servers reach the hub.
    """

    api_url: str = ""
    base_url: str = "/hub/"
    public_host: str = ""
    server: ServerAddress = field(default_factory=lambda: ServerAddress(base_url="/hub/"))

    @property
    def host(self) -> str:
        """Former name of `public_host`."""
        return self.public_host


def user_of(server: Server, address: ServerAddress, state: Mapping[str, Any]) -> SpawnerUser:
    """Create the user object for a spawner.

    Args:
        server: record of the server.
        address: address object of the server.
        state: state that the spawner saved.
    """
    tail = f"{quote_path(server.name)}/" if server.name else ""
    return SpawnerUser(
        id=server.user.id,
        name=server.user.name,
        admin=server.user.admin,
        groups=[GroupName(group) for group in server.user.groups],
        url=server.prefix.removesuffix(tail) if tail else server.prefix,
        escaped_name=quote_path(server.user.name),
        auth_state=server.user.auth_state,
        server=address,
        state=state,
    )


def hub_of(server: Server) -> SpawnerHub:
    """Create the hub object for a spawner.

    Args:
        server: record of the server.
    """
    path = urlsplit(server.hub_api_url).path.rstrip("/").removesuffix("api") or "/hub/"
    address = ServerAddress(base_url=path)
    if socket := unix_socket_path(server.hub_api_url):
        address.proto, _, address.ip = unix_socket_url(socket).partition("://")
    elif server.hub_api_url:
        address.move_to(server.hub_api_url)
    return SpawnerHub(
        api_url=server.hub_api_url,
        base_url=path,
        public_host=server.environment.get("JUPYTERHUB_HOST", ""),
        server=address,
    )
