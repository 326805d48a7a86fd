"""Which processes of this machine accept connections at an address.

Anybody on a machine can listen on a free port. That something answers at an address therefore says nothing
about who does; the kernel knows.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from plughub.classes.sockets import Socket, listening_on
from plughub.domain.ip_addresses import Address, unmapped

_SOCKET: Final = "socket:["


def owns_address(url: str, pids: Iterable[int], *, uid: int | None = None) -> bool:
    """Tell whether some processes, and no others, accept connections at an address. It blocks.

    Args:
        url: ``http://host:port`` on this machine.
        pids: the processes, the likeliest first; no more are asked for than needed.
        uid: owner that counts as proof where the descriptors of a process cannot be read. A hub without
            the capability SYS_PTRACE cannot read those of other users. None where users share one uid.

    Returns:
        True when every socket that would get a connection belongs to the processes; False also when
        nothing listens there.

    Raises:
        PermissionError: the descriptors cannot be read, and there is no uid to go by.
        OSError: the system does not answer.
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
    """List a process and all that it started, the process itself first. It blocks.

    Args:
        pid: number of the process; the caller knows that it runs.

    Yields:
        Numbers of processes.
    """
    yield pid
    with contextlib.suppress(psutil.Error):
        yield from (child.pid for child in psutil.Process(pid).children(recursive=True))


def owner_of(pid: int) -> int:
    """Return the uid of a process; 0 also when there is none.

    Args:
        pid: its number.
    """
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return 0


def listeners_at(url: str) -> Iterator[Socket]:
    """List the sockets that accept connections at an address. It blocks.

    The kernel prefers a socket that is bound to the very address to one that is bound to all. Several
    sockets of one rank share the connections (``SO_REUSEPORT``).

    Args:
        url: ``http://host:port`` on this machine.

    Yields:
        The sockets of the best rank, for each address that the host name has.

    Raises:
        OSError: the system does not answer.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    found = list(listening_on(port))
    for _, _, _, _, target in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        wanted = ip_address(str(target[0]).partition("%")[0])
        ranks: dict[int, list[Socket]] = {}
        for one in found:
            if (rank := _rank(one.address, wanted)) is not None:
                ranks.setdefault(rank, []).append(one)
        yield from ranks[min(ranks)] if ranks else ()


def _rank(bound: Address, wanted: Address) -> int | None:
    """Rank a socket for a connection to an address, 0 first; None when it does not get the connection."""
    bound = unmapped(bound)
    if bound == wanted:
        return 0
    if not bound.is_unspecified or bound.version < wanted.version:
        return None
    return 1 if bound.version == wanted.version else 2


def _sockets_of(pid: int, wanted: set[int]) -> set[int]:
    """Find which of some sockets a process holds."""
    folder = f"/proc/{pid}/fd"
    found: set[int] = set()
    for name in os.listdir(folder):  # noqa: PTH208 - it is asked all the time
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
    """Tell whether one of some processes listens at an address, where only they can be looked at."""
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
