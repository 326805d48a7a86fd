"""HTTP probe of a server."""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

from plughub.classes.network import is_valid_ip
from plughub.domain.timings import PROBE_SECONDS

_SERVER_ERROR: Final = 500
_HTTP: Final = 80
_LONGEST_LINE: Final = 8192


async def answers(
    url: str, path: str, *, timeout: float = PROBE_SECONDS, context: ssl.SSLContext | None = None
) -> bool:
    """Return whether an address answers an HTTP request with a status below 500; redirects are not followed.

    Args:
        url: ``http://address:port``.
        path: path to request.
        timeout: seconds.
        context: for https.
    """
    try:
        async with asyncio.timeout(timeout):
            status = await _status(url, path, context)
    except (OSError, TimeoutError, ValueError, IndexError, asyncio.IncompleteReadError):
        return False
    return status < _SERVER_ERROR


@functools.cache
def _default_context() -> ssl.SSLContext:
    # Loading the certificates of the system takes a while.
    return ssl.create_default_context()


async def _status(url: str, path: str, context: ssl.SSLContext | None) -> int:
    parts = urlsplit(url)
    request = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()
    tls = None
    if parts.scheme == "https":
        tls = context or await asyncio.to_thread(_default_context)
    elif is_valid_ip(parts.hostname or ""):
        return await _plain_status(parts.hostname or "", parts.port or _HTTP, request)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=tls)
    try:
        writer.write(request)
        await writer.drain()
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


async def _plain_status(address: str, port: int, request: bytes) -> int:
    """Request the status without streams, which are slower: a starting server is probed many times."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        try:  # on the same machine, this succeeds or fails at once
            client.connect((address, port))
        except BlockingIOError:
            await _writable(client)
        await loop.sock_sendall(client, request)
        received = b""
        while b"\n" not in received and len(received) < _LONGEST_LINE:
            more = await loop.sock_recv(client, _LONGEST_LINE)
            if not more:
                break
            received += more
    return int(received.split()[1])


async def _writable(client: socket.socket) -> None:
    """Wait for the end of an attempt to connect.

    Raises:
        OSError: it failed.
    """
    loop, descriptor = asyncio.get_running_loop(), client.fileno()
    writable = asyncio.Event()
    loop.add_writer(descriptor, writable.set)
    try:
        await writable.wait()
    finally:
        loop.remove_writer(descriptor)
    if error := client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, os.strerror(error))
