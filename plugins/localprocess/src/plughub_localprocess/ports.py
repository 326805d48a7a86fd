"""Ports for servers: a free one, or the wanted one when nobody has it."""

from __future__ import annotations

import errno
import socket
from collections import deque
from typing import Final

import psutil

from plughub.spawner import SpawnFailed

_RECENT: Final[deque[int]] = deque(maxlen=256)
"""Ports given lately, whose servers may not listen yet."""


def choose_port(ip: str, port: int) -> int:
    """Choose the port for a server.

    Args:
        ip: address that it will listen on; empty for all.
        port: the wanted port, 0 for any.

    Returns:
        A port that is free now.

    Raises:
        SpawnFailed: the wanted port is taken, or the address is none of this machine.
    """
    for _ in range(_RECENT.maxlen or 1):
        found = _try(ip, port)
        if port or found not in _RECENT:
            break
    _RECENT.append(found)
    return found


def _try(ip: str, port: int) -> int:
    family, address = _address(ip, port)
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            raise SpawnFailed(_explain(ip, port, error), retry=error.errno == errno.EADDRINUSE) from error
        return int(probe.getsockname()[1])


def _address(ip: str, port: int) -> tuple[int, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(ip or "0.0.0.0", port, type=socket.SOCK_STREAM)  # noqa: S104 - asked for
    except socket.gaierror as error:
        raise SpawnFailed(f"Spawner.ip is {ip!r}, which is no address: {error.strerror}") from error
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1]))


def _explain(ip: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken{_by_whom(port)}; free it, or set Spawner.port to 0 for any free port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"Spawner.ip is {ip!r}, which is no address of this machine"
    return f"port {port} (Spawner.port) cannot be used: {error.strerror}"


def _by_whom(port: int) -> str:
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
