"""Choice of ports for servers.

Another process may take the port between its choice and the moment when the server listens on it;
`plughub_localprocess.listener_check` detects that. It does not happen by chance, because ports are chosen
outside the range from which the system assigns ports.
"""

from __future__ import annotations

import errno
import functools
import random
import socket
from collections import deque
from pathlib import Path
from typing import Final

import psutil

from plughub.spawner import SpawnFailed

_RECENT: Final[deque[int]] = deque(maxlen=256)
"""Recently chosen ports, on which the servers may not listen yet."""
_TRIES: Final = 64
NO_PORT: Final = "no port is available for the server on the machine of the hub"
_LAST: Final = 65_535


def choose_port(ip: str, port: int) -> int:
    """Return a free port for a server.

    Args:
        ip: address to listen on; empty for all.
        port: the configured port; 0 for any.

    Raises:
        SpawnFailed: the port is taken, or the address does not belong to this machine.
    """
    found = _try(ip, port) if port else (_quiet_port(ip) or _any_port(ip))
    _RECENT.append(found)
    return found


def _quiet_port(ip: str) -> int:
    """Return a free port outside the range that the system assigns; 0 if none is found."""
    ports = _quiet_ports()
    for _ in range(_TRIES if ports else 0):
        port = random.choice(ports)  # noqa: S311 - not a secret: every user can see the port
        if port in _RECENT:
            continue
        try:
            return _try(ip, port)
        except SpawnFailed as error:
            if not error.retry:
                raise
    return 0


def _any_port(ip: str) -> int:
    for _ in range(_RECENT.maxlen or 1):
        if (found := _try(ip, 0)) not in _RECENT:
            break
    return found


@functools.cache
def _quiet_ports() -> range:
    """Return the ports above the range for outgoing connections.

    Source:
        ``ip(7)``, ``ip_local_port_range``.
    """
    try:
        high = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return range(0)
    return range(high + 1, _LAST + 1)


def _try(ip: str, port: int) -> int:
    family, address = _address(ip, port)
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            message = "the port of the server is taken" if taken else NO_PORT
            raise SpawnFailed(message, detail=_explain(ip, port, error), retry=taken) from error
        return int(probe.getsockname()[1])


def _address(ip: str, port: int) -> tuple[int, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(ip or "0.0.0.0", port, type=socket.SOCK_STREAM)  # noqa: S104 - all addresses are configured
    except socket.gaierror as error:
        detail = f"Spawner.ip is {ip!r}, which is not an address: {error.strerror}"
        raise SpawnFailed(NO_PORT, detail=detail) from error
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1]))


def _explain(ip: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken{_holder(port)}; free it, or set Spawner.port to 0 for any free port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"Spawner.ip is {ip!r}, which is not an address of this machine"
    return f"port {port} (Spawner.port) cannot be used: {error.strerror}"


def _holder(port: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return ""
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or not connection.laddr or not connection.pid:
            continue
        if connection.laddr.port == port:
            return f" by process {connection.pid}{_name_of(connection.pid)}"
    return ""


def _name_of(pid: int) -> str:
    try:
        return f" ({psutil.Process(pid).name()})"
    except psutil.Error:
        return ""
