"""Check that a port is free before the launch: the proxy itself does not report the conflict."""

from __future__ import annotations

import errno
import socket

from plughub.errors import RETRY, StartError, exit_code_of
from plughub.processes import who_listens


def check_free(ip: str, port: int, what: str) -> None:
    """Check that the hub can listen on a port. Blocks for a moment.

    Args:
        ip: address; empty for all.
        port: the port.
        what: setting that changes the port, for the message.

    Raises:
        StartError: the port is taken, or the hub is not allowed to use it.
    """
    try:
        infos = socket.getaddrinfo(ip or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(
            f"cannot listen on address {ip!r} ({what}): {error}", exit_code=exit_code_of(error)
        ) from error
    for family, kind, protocol, _, address in infos:
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                listener.bind(address)
                listener.listen(1)
            except OSError as error:
                _raise_bind_error(error, port, what)


def _raise_bind_error(error: OSError, port: int, what: str) -> None:
    if error.errno == errno.EADDRINUSE:
        raise StartError(
            f"port {port} is in use{who_listens(port)}; the proxy cannot listen there "
            f"({what}): stop that process, or choose another port",
            exit_code=RETRY,
        ) from error
    if error.errno == errno.EACCES:
        raise StartError(
            f"the hub's user is not allowed to listen on port {port} ({what}): "
            "choose a port of 1024 or higher"
        ) from error
    if error.errno != errno.EADDRNOTAVAIL:
        raise StartError(
            f"cannot listen on port {port} ({what}): {error}", exit_code=exit_code_of(error)
        ) from error
