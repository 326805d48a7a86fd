"""Whose word counts on where a request came from: that of a proxy, and of no other process of this machine.

Every user of the machine reaches the hub's own port on loopback. The address of such a peer says nothing, so
the system is asked which user owns the other end of the connection, once for each connection.

Source:
    sock_diag(7): one request for the socket with exactly these two ends.
"""

from __future__ import annotations

import functools
import ipaddress
import logging
import socket
import struct
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from tornado.httputil import HTTPServerRequest

from plughub.domain.ip_addresses import parse_address

log = logging.getLogger("plughub.web")
_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_NLM_F_REQUEST: Final = 1
_HEADER: Final = struct.Struct("=IHHII")
_ENDS: Final = struct.Struct("!HH16s16s")
_ANSWER: Final = struct.Struct("=4B36s12sIIIII")
_ANY: Final = 0xFFFFFFFF
_SECONDS: Final = 1.0

End = tuple[str, int]


class Peers:
    """Tells whether what a peer says of a browser is believed.

    Args:
        addresses: of proxies, or networks of them, whoever runs them.
        users: numbers of the system users whose processes on this machine are proxies.
    """

    def __init__(self, addresses: Collection[str], users: Collection[int]) -> None:
        self._addresses = frozenset(addresses)
        self._networks = tuple(ipaddress.ip_network(each, strict=False) for each in addresses)
        self._users = frozenset(users)

    def names(self, address: str) -> bool:
        """Tell whether an address is one of the named proxies.

        Args:
            address: with or without the IPv6 form of an IPv4 address.
        """
        if address in self._addresses:
            return True
        found = parse_address(address) if self._networks else None
        return found is not None and any(found in network for network in self._networks)

    def is_proxy(self, request: HTTPServerRequest) -> bool:
        """Tell whether the peer of a request is a proxy.

        Args:
            request: the request, with the address of its peer.

        Returns:
            True for an address that is named, and for a process of this machine that runs as a proxy's user.
        """
        address = request.remote_ip or ""
        if self.names(address):
            return True
        if not _is_of_this_machine(address):
            return False
        context: Any = getattr(request.connection, "context", None)
        known: bool | None = getattr(context, "is_proxy", None)
        if known is None:
            known = self._is_ours(request)
            if context is not None:
                context.is_proxy = known
        return known

    def _is_ours(self, request: HTTPServerRequest) -> bool:
        stream: Any = getattr(request.connection, "stream", None)
        sock: socket.socket | None = getattr(stream, "socket", None)
        if sock is None:
            return False
        try:
            peer, mine = _end(sock.getpeername()), _end(sock.getsockname())
        except OSError:
            return False
        return owner_of(peer, mine) in self._users


def owner_of(end: End, other: End) -> int | None:
    """Find the system user whose process holds one end of a TCP connection within this machine.

    Args:
        end: address and port of that end.
        other: address and port of the other end.

    Returns:
        The number of the user; None when the connection is gone, or the system does not tell.
    """
    try:
        return _ask_system(end, other)
    except OSError as error:
        _warn_once(str(error))
        return _read_table(end, other)


def _ask_system(end: End, other: End) -> int | None:
    family = socket.AF_INET6 if ":" in end[0] else socket.AF_INET
    ends = _ENDS.pack(end[1], other[1], _packed(family, end[0]), _packed(family, other[0]))
    wanted = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, _ANY) + ends
    wanted += struct.pack("=III", 0, _ANY, _ANY)
    header = _HEADER.pack(_HEADER.size + len(wanted), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as diagnosis:
        diagnosis.settimeout(_SECONDS)
        diagnosis.send(header + wanted)
        answer = diagnosis.recv(8192)
    kind = _HEADER.unpack_from(answer)[1]
    if kind != _SOCK_DIAG_BY_FAMILY:
        return None  # an error: there is no such socket any more
    *_, found, _, _, _, _, uid, inode = _ANSWER.unpack_from(answer, _HEADER.size)
    # A socket that its process has closed belongs to nobody, which the system reports as root.
    return uid if found == ends and inode else None


def _read_table(end: End, other: End) -> int | None:
    ends = [_hexadecimal(end), _hexadecimal(other)]
    table = Path("/proc/net/tcp6" if ":" in end[0] else "/proc/net/tcp")
    try:
        lines = table.read_text("ascii").splitlines()[1:]
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if fields[1:3] == ends and fields[9] != "0":
            return int(fields[7])
    return None


def _hexadecimal(end: End) -> str:
    packed = socket.inet_pton(socket.AF_INET6 if ":" in end[0] else socket.AF_INET, end[0])
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{end[1]:04X}"


def _packed(family: int, address: str) -> bytes:
    return socket.inet_pton(family, address).ljust(16, b"\0")


def _end(name: tuple[Any, ...]) -> End:
    return str(parse_address(str(name[0]))), int(name[1])


@functools.lru_cache(maxsize=1024)
def _is_of_this_machine(address: str) -> bool:
    found = parse_address(address)
    return found is not None and found.is_loopback


@functools.cache
def _warn_once(reason: str) -> None:
    log.warning("the system does not tell the owner of a connection directly: %s", reason[:80])
