"""What a spawner sees of the hub: plain objects, never rows of a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from plughub.domain.names import quote_path
from plughub.domain.urls import host_in_url
from plughub.kinds import Server

ALL_INTERFACES: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - a comparison
HTTP_PORTS: Final = {"http": 80, "https": 443}


class GroupName(str):
    """The name of a group, which also answers to ``group.name`` as config files of JupyterHub write it."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name."""
        return str(self)


@dataclass
class ServerAddress:
    """Where a server listens. A spawner may change it.

    Attributes:
        ip: address or host name; empty for all interfaces.
        port: TCP port, 0 when not known yet.
        base_url: path below which it is reached, such as ``/user/alice/``.
        proto: ``http`` or ``https``.
        cookie_name: name of the server's login cookie.
    """

    ip: str = ""
    port: int = 0
    base_url: str = "/"
    proto: str = "http"
    cookie_name: str = ""

    @property
    def host(self) -> str:
        """``http://address:port`` as this machine reaches it; all interfaces are reached at 127.0.0.1."""
        ip = "127.0.0.1" if self.ip in ALL_INTERFACES else self.ip
        return f"{self.proto}://{host_in_url(ip)}:{self.port}"

    @property
    def url(self) -> str:
        """``http://address:port/path/``."""
        return f"{self.host}{self.base_url}"

    def move_to(self, url: str) -> None:
        """Take over the address of a URL, without its path.

        Args:
            url: ``http://address:port``, with any path.

        Raises:
            ValueError: it is no such URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in HTTP_PORTS:
            raise ValueError(f"{url!r} is no address of a server: give http://address:port")
        self.proto = parts.scheme
        self.ip = parts.hostname or ""
        self.port = HTTP_PORTS[parts.scheme] if parts.port is None else parts.port


@dataclass
class SpawnerUser:
    """The user of a server.

    Attributes:
        name: normalised name.
        admin: whether she is an admin.
        groups: names of her groups.
        url: path below which her servers are reached, such as ``/user/alice/``.
        escaped_name: the name as one segment of a URL path.
        auth_state: the secrets that her authenticator saved; None when there are none.
        server: the address of the server that is about to start.
    """

    name: str
    admin: bool = False
    groups: list[GroupName] = field(default_factory=list)
    url: str = "/"
    escaped_name: str = ""
    auth_state: Mapping[str, Any] | None = field(default=None, repr=False)
    server: ServerAddress | None = None

    async def get_auth_state(self) -> Mapping[str, Any] | None:
        """Get the saved secrets, as hooks in config files of JupyterHub ask for them."""
        return self.auth_state


@dataclass
class SpawnerHub:
    """The hub, as a spawner sees it.

    Attributes:
        api_url: where servers reach the hub's API.
        base_url: path of the hub, such as ``/hub/``.
        public_host: ``https://host`` as browsers see it where servers have hosts of their own, else empty.
    """

    api_url: str = ""
    base_url: str = "/hub/"
    public_host: str = ""


def user_of(server: Server, address: ServerAddress) -> SpawnerUser:
    """Make the user object for a spawner.

    Args:
        server: the record that the hub gave.
        address: the server's address object.

    Returns:
        The user.
    """
    tail = f"{quote_path(server.name)}/" if server.name else ""
    return SpawnerUser(
        name=server.user.name,
        admin=server.user.admin,
        groups=[GroupName(group) for group in server.user.groups],
        url=server.prefix.removesuffix(tail) if tail else server.prefix,
        escaped_name=quote_path(server.user.name),
        auth_state=server.user.auth_state,
        server=address,
    )


def hub_of(server: Server) -> SpawnerHub:
    """Make the hub object for a spawner.

    Args:
        server: the record that the hub gave.

    Returns:
        The hub.
    """
    path = urlsplit(server.hub_api_url).path.rstrip("/")
    return SpawnerHub(
        api_url=server.hub_api_url,
        base_url=path.removesuffix("api") or "/hub/",
        public_host=server.environment.get("JUPYTERHUB_HOST", ""),
    )
