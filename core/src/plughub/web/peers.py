"""Whose word counts on where a request came from: that of a proxy, and of no other process of this machine.

Every user of the machine reaches the hub's own port on loopback. The address of such a peer says nothing, so
the system is asked which user owns the other end of the connection, once for each connection.
"""

from __future__ import annotations

import functools
import ipaddress
import socket
from collections.abc import Collection
from typing import Any

from tornado.httputil import HTTPServerRequest

from plughub.classes.sockets import End, owner_of_end
from plughub.domain.ip_addresses import parse_address


class TrustedPeers:
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
        return owner_of_end(peer, mine) in self._users


def _end(name: tuple[Any, ...]) -> End:
    return str(parse_address(str(name[0]))), int(name[1])


@functools.lru_cache(maxsize=1024)
def _is_of_this_machine(address: str) -> bool:
    found = parse_address(address)
    return found is not None and found.is_loopback
