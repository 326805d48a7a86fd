"""Peers whose ``X-Forwarded-*`` headers are trusted: proxies, but no other process of this machine.

Every user of the machine can reach the hub's port over loopback, where the peer's address proves nothing. The
operating system is therefore asked which user owns the other end, once per connection. It knows the user at
the other end of a Unix socket as well.
"""

from __future__ import annotations

import functools
import ipaddress
import socket
from collections.abc import Collection
from typing import Any

from tornado.httputil import HTTPServerRequest

from plughub.classes.sockets import End, owner_of_end, owner_of_peer
from plughub.domain.ip_addresses import parse_address


class TrustedPeers:
    """Check of whether a peer is a trusted proxy.

    Args:
        addresses: addresses or networks of proxies, whatever user runs them.
        users: ids of the system users whose processes on this machine are proxies.
    """

    def __init__(self, addresses: Collection[str], users: Collection[int]) -> None:
        self._addresses = frozenset(addresses)
        self._networks = tuple(ipaddress.ip_network(each, strict=False) for each in addresses)
        self._users = frozenset(users)

    def names(self, address: str) -> bool:
        """Return whether an address belongs to a configured proxy; IPv4-mapped IPv6 addresses work too."""
        if address in self._addresses:
            return True
        found = parse_address(address) if self._networks else None
        return found is not None and any(found in network for network in self._networks)

    def is_proxy(self, request: HTTPServerRequest) -> bool:
        """Return whether the peer of a request is a configured proxy or a local process of a proxy's user."""
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
        if sock.family == socket.AF_UNIX:
            return owner_of_peer(sock) in self._users
        try:
            peer, own_end = _end(sock.getpeername()), _end(sock.getsockname())
        except OSError:
            return False
        return owner_of_end(peer, own_end) in self._users


def _end(name: tuple[Any, ...]) -> End:
    return str(parse_address(str(name[0]))), int(name[1])


@functools.lru_cache(maxsize=1024)
def _is_of_this_machine(address: str) -> bool:
    found = parse_address(address)
    return found is not None and found.is_loopback
