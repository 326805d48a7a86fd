"""Checks that a process could listen at an address, before it is launched."""

from __future__ import annotations

import errno
import socket
from typing import Final

from plughub.classes.processes.detached import who_listens
from plughub.domain.errors import RETRY, StartError, exit_code_of

_ABSENT: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""Errors of an address that this machine does not have."""


def listen_error(ip: str, port: int) -> OSError | None:
    """Bind sockets for a moment, without listening. Blocks while it resolves a host name.

    Args:
        ip: address or host name; empty for all interfaces.
        port: the port.

    Returns:
        Why a process of this user could not listen there; None if it could.
    """
    absent: OSError | None = None
    usable = False
    try:
        infos = socket.getaddrinfo(ip or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        return error
    except ValueError as error:  # a text that cannot be a host name
        return OSError(errno.EINVAL, str(error))
    for family, kind, protocol, _, address in infos:
        try:
            with socket.socket(family, kind, protocol) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind(address)
                usable = True
        except OSError as error:
            if error.errno not in _ABSENT:
                return error
            absent = error
    return None if usable else absent


def check_free(ip: str, port: int, setting: str) -> None:
    """Check that a process of this user can listen at an address. Blocks for a moment.

    Args:
        ip: address or host name; empty for all interfaces.
        port: the port.
        setting: that determines the address, such as ``JupyterHub.bind_url``.

    Raises:
        StartError: the port is in use, the machine does not have the address, or the user may not listen
            there.
    """
    error = listen_error(ip, port)
    if error is not None:
        raise bind_error(error, ip, port, setting) from error


def bind_error(error: OSError, ip: str, port: int, setting: str) -> StartError:
    """Return the error for an administrator.

    Args:
        error: of the system.
        ip: address or host name; empty for all interfaces.
        port: the port.
        setting: that determines the address.

    Returns:
        The error, whose hint says what to do.
    """
    if error.errno == errno.EADDRINUSE:
        return StartError(
            f"c.{setting}: port {port} is in use{who_listens(port)}",
            hint="stop that process, or choose another port",
            exit_code=RETRY,
        )
    if error.errno == errno.EACCES:
        return StartError(
            f"c.{setting}: the hub's user is not allowed to listen on port {port}",
            hint="choose a port of 1024 or higher",
        )
    return StartError(
        f"c.{setting}: no process of this machine can listen on {ip or '*'}:{port}: {error.strerror}",
        hint="use an address of this machine, such as 127.0.0.1, or leave it empty for all",
        exit_code=exit_code_of(error),
    )
