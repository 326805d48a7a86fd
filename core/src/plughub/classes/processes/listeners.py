"""Processes that listen at an address of this machine.

Any process can listen on a free port, so an answer at an address does not prove which process sent it. The
kernel knows which process holds the socket.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from plughub.classes.sockets import Socket, listening_on
from plughub.domain.ip_addresses import Address, unmapped

_SOCKET: Final = "socket:["


def owns_address(url: str, pids: Iterable[int], *, uid: int | None = None) -> bool:
    """Return whether some processes, and no others, listen at an address. Blocks.

    Args:
        url: ``http://host:port`` on this machine.
        pids: the processes, most likely ones first; the rest is not read once all sockets are found.
        uid: owner that is sufficient proof if the descriptors of a process cannot be read, as by a hub
            without the capability SYS_PTRACE. None if users share a uid.

    Returns:
        True if every socket that could accept a connection to the address belongs to the processes; False
        also if no process listens there.

    Raises:
        PermissionError: the descriptors cannot be read, and no uid was given.
        OSError: the system does not provide the information.
    """
    if not _has_proc():
        return _owns_portably(url, pids)
    found = list(listeners_at(url))
    missing = {one.inode for one in found}
    if not missing:
        return False
    unreadable = False
    for pid in pids:
        try:
            missing -= _sockets_of(pid, missing)
        except PermissionError:
            unreadable = True
        except (FileNotFoundError, ProcessLookupError):
            continue
        if not missing:
            return True
    if unreadable and uid is None:
        raise PermissionError(f"the descriptors of the processes that may listen at {url} cannot be read")
    return unreadable and all(one.uid == uid for one in found if one.inode in missing)


def process_family(pid: int) -> Iterator[int]:
    """List a process and its descendants, the process itself first. Blocks.

    Args:
        pid: process ID of a running process.

    Yields:
        Process IDs.
    """
    yield pid
    with contextlib.suppress(psutil.Error):
        yield from (child.pid for child in psutil.Process(pid).children(recursive=True))


def owner_of(pid: int) -> int:
    """Return the uid of a process; 0 also if there is no such process.

    Args:
        pid: its process ID.
    """
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return 0


def all_listeners() -> Mapping[int, Sequence[Socket]]:
    """List all listening sockets of this machine by port. Blocks.

    Raises:
        OSError: the system does not provide the information.
    """
    ports: dict[int, list[Socket]] = {}
    for one in listening_on(0):
        ports.setdefault(one.port, []).append(one)
    return ports


def listeners_at(url: str, among: Mapping[int, Sequence[Socket]] | None = None) -> Iterator[Socket]:
    """List the sockets that accept connections to an address. Blocks.

    The kernel prefers sockets that are bound to the exact address to sockets that are bound to all
    interfaces.
    Sockets of the same rank share the connections (``SO_REUSEPORT``).

    Args:
        url: ``http://host:port`` on this machine.
        among: the result of `all_listeners`, for many addresses; None to ask the system.

    Yields:
        The sockets of the best rank, for each address of the host name.

    Raises:
        OSError: the system does not provide the information.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    found = list(listening_on(port)) if among is None else among.get(port, ())
    for _, _, _, _, target in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        wanted = ip_address(str(target[0]).partition("%")[0])
        ranks: dict[int, list[Socket]] = {}
        for one in found:
            if (rank := _rank(one.address, wanted)) is not None:
                ranks.setdefault(rank, []).append(one)
        yield from ranks[min(ranks)] if ranks else ()


def _rank(bound: Address, wanted: Address) -> int | None:
    """Return the rank of a socket for connections to an address, 0 first; None if it gets none of them."""
    bound = unmapped(bound)
    if bound == wanted:
        return 0
    if not bound.is_unspecified or bound.version < wanted.version:
        return None
    return 1 if bound.version == wanted.version else 2


def _sockets_of(pid: int, wanted: set[int]) -> set[int]:
    """Return which of the wanted sockets a process holds."""
    folder = f"/proc/{pid}/fd"
    found: set[int] = set()
    for name in os.listdir(folder):  # noqa: PTH208 - hot path
        try:
            link = os.readlink(f"{folder}/{name}")  # noqa: PTH115
        except FileNotFoundError:
            continue
        if link.startswith(_SOCKET) and int(link[len(_SOCKET) : -1]) in wanted:
            found.add(int(link[len(_SOCKET) : -1]))
            if found == wanted:
                break
    return found


def _owns_portably(url: str, pids: Iterable[int]) -> bool:
    """Return whether one of some processes listens at an address, on a system without /proc.

    Weaker than `owns_address`: other processes that listen there are not detected.
    """
    parts = urlsplit(url)
    for pid in pids:
        try:
            connections = psutil.Process(pid).net_connections("tcp")
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied as error:
            raise PermissionError(str(error)) from error
        if any(one.status == psutil.CONN_LISTEN and one.laddr[1] == parts.port for one in connections):
            return True
    return False


def _has_proc() -> bool:
    return Path("/proc/self/fd").exists()
