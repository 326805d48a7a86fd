"""Sockets of this machine and their owners, as reported by the kernel.

Source:
    ``sock_diag(7)``; if the kernel does not answer, the tables of ``proc(5)``, in which addresses are
    written as 32-bit words in the byte order of the machine.
"""

from __future__ import annotations

import errno
import functools
import logging
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from plughub.domain.ip_addresses import Address
from plughub.domain.timings import SOCKET_DUMP_SECONDS, SOCKET_LOOKUP_SECONDS

log = logging.getLogger("plughub.sockets")
LISTEN: Final = 10
"""Kernel's number for the state of a listening socket."""

_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_REQUEST, _DUMP = 0x1, 0x300
_DONE, _ERROR = 3, 2
_HEADER: Final = struct.Struct("=IHHII")
_WANTED: Final = struct.Struct("=BBBBI")
_ENDS: Final = struct.Struct("!HH16s16s")
_THIS_ONE: Final = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
"""Any interface, and no cookie, which would identify one of several sockets with the same ends."""
_ANY: Final = 0xFFFFFFFF
_ANSWER: Final = struct.Struct("=BBBB36s12sIIIII")
_PEER: Final = struct.Struct("=iII")
"""Process, user and group at the other end of a Unix socket."""
_TABLES: Final = {socket.AF_INET: "/proc/net/tcp", socket.AF_INET6: "/proc/net/tcp6"}

End = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Socket:
    """TCP socket.

    Attributes:
        address: local address; unspecified for all interfaces.
        port: local port.
        other: address and port of the peer.
        inode: inode number; 0 if no process holds the socket any more.
        uid: user who created it.
    """

    address: Address
    port: int
    other: tuple[Address, int]
    inode: int
    uid: int


def listening_on(port: int) -> Iterator[Socket]:
    """List the listening sockets on a port, at any address. Blocks.

    Args:
        port: the port; 0 for all ports.

    Yields:
        The sockets.

    Raises:
        OSError: the system does not provide the information.
    """
    for family in _TABLES:
        try:
            # Cheaper than the table of all connections, which can take the kernel long to write.
            found = _ask_kernel(family, _ENDS.pack(port, 0, b"", b"") + bytes(12), states=1 << LISTEN)
        except OSError:
            found = [one for state, one in _read_table(family, port) if state == LISTEN]
        yield from (one for one in found if port in {0, one.port})


def owner_of_end(end: End, other: End) -> int | None:
    """Return the uid of the process at one end of a local TCP connection.

    Args:
        end: address and port of that end.
        other: address and port of the other end.

    Returns:
        The uid; None if the connection is closed, or the system does not provide the information.
    """
    family = socket.AF_INET6 if ":" in end[0] else socket.AF_INET
    ends = _ENDS.pack(end[1], other[1], _packed(family, end[0]), _packed(family, other[0]))
    try:
        found = _ask_kernel(family, ends + _THIS_ONE)
    except OSError as error:
        _warn_once(str(error))
        try:
            found = [one for _, one in _read_table(family, end[1])]
        except OSError:
            return None
    wanted = (ip_address(end[0]), end[1], (ip_address(other[0]), other[1]))
    # The kernel reports uid 0 for a socket that its process has closed.
    return next(
        (one.uid for one in found if one.inode and (one.address, one.port, one.other) == wanted), None
    )


def owner_of_peer(connection: socket.socket) -> int | None:
    """Return the uid of the process that connected to a Unix socket.

    Args:
        connection: the accepted connection.

    Returns:
        The uid at the time of the connection; None if the connection is closed.
    """
    return _peer(connection)[1]


def process_of_peer(connection: socket.socket) -> int | None:
    """Return the id of the process at the other end of a Unix socket: for a client, the one that listens.

    Args:
        connection: the connection.

    Returns:
        The process id; None if the connection is closed.
    """
    return _peer(connection)[0]


def _peer(connection: socket.socket) -> tuple[int | None, int | None]:
    try:
        answer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    except OSError:
        return None, None
    pid, uid, _ = _PEER.unpack(answer)
    return pid, uid


def _ask_kernel(family: int, identity: bytes, *, states: int = 0) -> list[Socket]:
    """Return the sockets in some states, or the one socket with an identity."""
    dump = bool(states)
    body = _WANTED.pack(family, socket.IPPROTO_TCP, 0, 0, states or _ANY) + identity
    flags = _REQUEST | (_DUMP if dump else 0)
    request = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, flags, 1, 0) + body
    found: list[Socket] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(SOCKET_DUMP_SECONDS if dump else SOCKET_LOOKUP_SECONDS)
        kernel.send(request)
        while True:
            answer, begin = kernel.recv(65536), 0
            while begin < len(answer):
                length, kind, *_ = _HEADER.unpack_from(answer, begin)
                if kind == _DONE:
                    return found
                if kind == _ERROR:
                    _check_error(*struct.unpack_from("=i", answer, begin + _HEADER.size))
                    return found
                found.append(_as_socket(answer, begin + _HEADER.size))
                begin += (length + 3) & ~3
            if not dump:
                return found


def _check_error(number: int) -> None:
    if -number != errno.ENOENT:
        raise OSError(-number, "the kernel does not report the owner of a socket")


def _as_socket(answer: bytes, at: int) -> Socket:
    family, _, _, _, ends, _, _, _, _, uid, inode = _ANSWER.unpack_from(answer, at)
    port, other_port, local, remote = _ENDS.unpack(ends)
    size = 4 if family == socket.AF_INET else 16
    return Socket(ip_address(local[:size]), port, (ip_address(remote[:size]), other_port), inode, uid)


def _read_table(family: int, port: int) -> Iterator[tuple[int, Socket]]:
    """Read the sockets on a local port, or on all for 0, each with its state."""
    here = f":{port:04X} " if port else ":"
    path = Path(_TABLES[socket.AddressFamily(family)])
    for line in path.read_text("ascii").splitlines()[1:] if path.exists() else ():
        if here not in line:
            continue
        fields = line.split()
        (address, local_port), other = _end(fields[1]), _end(fields[2])
        yield int(fields[3], 16), Socket(address, local_port, other, int(fields[9]), int(fields[7]))


def _end(text: str) -> tuple[Address, int]:
    address, _, port = text.partition(":")
    words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
    return ip_address(b"".join(struct.pack("=I", word) for word in words)), int(port, 16)


def _packed(family: int, address: str) -> bytes:
    return socket.inet_pton(family, address).ljust(16, b"\0")


@functools.cache
def _warn_once(reason: str) -> None:
    log.warning(
        "cannot ask the kernel for the owner of a connection, reading /proc/net instead: %s", reason[:80]
    )
