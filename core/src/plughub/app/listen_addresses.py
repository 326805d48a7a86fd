"""Checks of the addresses on which the hub and a proxy that it launches listen."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass

from plughub.app.addresses import addresses
from plughub.app.config import JupyterHub
from plughub.app.origins import read_origins, servers_port
from plughub.classes.processes.ports import bind_error, listen_error
from plughub.classes.proxy.proxy import Proxy


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Address on which a process of the hub listens.

    Attributes:
        ip: address or host name; empty for all interfaces.
        port: the port.
        setting: that determines the address.
        launched: whether a launched program listens there, which may have privileges that the hub lacks.
    """

    ip: str
    port: int
    setting: str
    launched: bool = False

    def check(self) -> None:
        """Check that this machine has the address.

        Raises:
            StartError: it does not, or the hub may not listen there.
        """
        error = listen_error(self.ip, self.port)
        if error is not None and not self._is_tolerated(error):
            raise bind_error(error, self.ip, self.port, self.setting)

    def is_in_use(self) -> bool:
        """Return whether a process listens there."""
        error = listen_error(self.ip, self.port)
        return error is not None and error.errno == errno.EADDRINUSE

    def _is_tolerated(self, error: OSError) -> bool:
        return error.errno == errno.EADDRINUSE or (self.launched and error.errno == errno.EACCES)


def hub_address(hub: JupyterHub) -> ListenAddress | None:
    """Return the address of the hub; None if it listens on a Unix socket.

    Raises:
        StartError: a URL is invalid.
    """
    where = addresses(hub)
    if where.hub_socket:
        return None
    return ListenAddress(where.hub_ip, where.hub_port, hub_address_setting(hub))


def hub_address_setting(hub: JupyterHub) -> str:
    """Return the setting that determines the address of the hub, for messages."""
    return "JupyterHub.hub_bind_url" if hub.hub_bind_url else "JupyterHub.hub_ip and hub_port"


def addresses_of_proxy(hub: JupyterHub, proxy: Proxy | None) -> Iterator[ListenAddress]:
    """Yield the addresses of the proxy, if the hub launches it on this machine.

    Raises:
        StartError: a URL is invalid.
    """
    if proxy is None or not proxy.should_start:
        return
    where, origins = addresses(hub), read_origins(hub)
    setting = "JupyterHub.bind_url" if hub.bind_url else "JupyterHub.ip and port"
    yield ListenAddress(where.ip, where.port, setting, launched=True)
    if second := servers_port(hub, where.port, origins):
        yield ListenAddress(where.ip, second, "JupyterHub.servers_url", launched=True)


def check_hub_address(hub: JupyterHub) -> None:
    """Check that this machine has the address of the hub.

    Raises:
        StartError: it does not, or the hub may not listen there.
    """
    if found := hub_address(hub):
        found.check()


def check_proxy_addresses(hub: JupyterHub, proxy: Proxy) -> None:
    """Check that this machine has the addresses of the proxy.

    Raises:
        StartError: it does not.
    """
    for found in addresses_of_proxy(hub, proxy):
        found.check()
