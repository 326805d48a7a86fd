"""Whether a port is free, asked before the proxy is launched: it would not say so itself."""

from __future__ import annotations

import errno
import socket

from plughub.errors import RETRY, StartError, exit_code_of
from plughub.processes import who_listens


def check_free(ip: str, port: int, what: str) -> None:
    """See that a port can be listened on. It blocks for a moment.

    Args:
        ip: address; empty for all.
        port: the port.
        what: whose port it is, and the setting that changes it, for the message.

    Raises:
        StartError: somebody listens there already, or this user may not.
    """
    try:
        infos = socket.getaddrinfo(ip or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(
            f"{ip!r} is no address to listen on ({what}): {error}", exit_code=exit_code_of(error)
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
                _complain(error, port, what)


def _complain(error: OSError, port: int, what: str) -> None:
    if error.errno == errno.EADDRINUSE:
        raise StartError(
            f"port {port} is in use{who_listens(port)}; the proxy cannot listen there "
            f"({what}): end that process, or choose another port",
            exit_code=RETRY,
        ) from error
    if error.errno == errno.EACCES:
        raise StartError(
            f"this user may not listen on port {port} ({what}): take a port from 1024 on"
        ) from error
    if error.errno != errno.EADDRNOTAVAIL:
        raise StartError(
            f"cannot listen on port {port} ({what}): {error}", exit_code=exit_code_of(error)
        ) from error
