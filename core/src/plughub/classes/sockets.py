"""The TCP sockets of this machine and their owners, by the word of the kernel.

Source:
    ``sock_diag(7)``; where the kernel does not answer directly, the tables of ``proc(5)``, in which addresses
    are written as 32-bit words in the byte order of the machine.
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

log = logging.getLogger("plughub.sockets")
LISTEN: Final = 10
"""The state of a socket that accepts connections, as the kernel numbers it."""

_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_REQUEST, _DUMP = 0x1, 0x300
_DONE, _ERROR = 3, 2
_HEADER: Final = struct.Struct("=IHHII")
_WANTED: Final = struct.Struct("=BBBBI")
_ENDS: Final = struct.Struct("!HH16s16s")
_THIS_ONE: Final = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
"""Of any interface, without the cookie that tells it from an earlier socket with the same ends."""
_ANY: Final = 0xFFFFFFFF
_ANSWER: Final = struct.Struct("=BBBB36s12sIIIII")
_TABLES: Final = {socket.AF_INET: "/proc/net/tcp", socket.AF_INET6: "/proc/net/tcp6"}
_DUMP_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 1.0

End = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Socket:
    """A socket.

    Attributes:
        address: the local address; the unspecified one for all.
        port: the local port.
        other: address and port of the other end.
        inode: number of the socket; 0 once no process has it.
        uid: user who made it.
    """

    address: Address
    port: int
    other: tuple[Address, int]
    inode: int
    uid: int


def listening_on(port: int) -> Iterator[Socket]:
    """List the sockets that accept connections on a port, at whatever address. It blocks.

    Args:
        port: the port.

    Yields:
        The sockets.

    Raises:
        OSError: the system does not answer.
    """
    for family in _TABLES:
        try:
            # The table of all connections can take long to write.
            found = _ask_kernel(family, _ENDS.pack(port, 0, b"", b"") + bytes(12), states=1 << LISTEN)
        except OSError:
            found = [one for state, one in _read_table(family, port) if state == LISTEN]
        yield from (one for one in found if one.port == port)


def owner_of_end(end: End, other: End) -> int | None:
    """Find the system user whose process holds one end of a TCP connection within this machine.

    Args:
        end: address and port of that end.
        other: address and port of the other end.

    Returns:
        The number of the user; None when the connection is gone, or the system does not tell.
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
    # A socket that its process has closed belongs to nobody, which the system reports as root.
    return next(
        (one.uid for one in found if one.inode and (one.address, one.port, one.other) == wanted), None
    )


def _ask_kernel(family: int, identity: bytes, *, states: int = 0) -> list[Socket]:
    """Ask for the sockets in some states, or for the one that an identity names."""
    dump = bool(states)
    body = _WANTED.pack(family, socket.IPPROTO_TCP, 0, 0, states or _ANY) + identity
    flags = _REQUEST | (_DUMP if dump else 0)
    request = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, flags, 1, 0) + body
    found: list[Socket] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(_DUMP_SECONDS if dump else _LOOK_SECONDS)
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
        raise OSError(-number, "the kernel does not tell whose a socket is")


def _as_socket(answer: bytes, at: int) -> Socket:
    family, _, _, _, ends, _, _, _, _, uid, inode = _ANSWER.unpack_from(answer, at)
    port, other_port, local, remote = _ENDS.unpack(ends)
    size = 4 if family == socket.AF_INET else 16
    return Socket(ip_address(local[:size]), port, (ip_address(remote[:size]), other_port), inode, uid)


def _read_table(family: int, port: int) -> Iterator[tuple[int, Socket]]:
    """Read the sockets of a local port, each with its state."""
    here = f":{port:04X} "
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
    log.warning("the system does not tell the owner of a connection directly: %s", reason[:80])
