"""Asking a server whether it answers HTTP."""

from __future__ import annotations

import asyncio
import functools
import ssl
from typing import Final
from urllib.parse import urlsplit

TIMEOUT: Final = 3.0
_SERVER_ERROR: Final = 500


async def answers(
    url: str, path: str, *, timeout: float = TIMEOUT, context: ssl.SSLContext | None = None
) -> bool:
    """Ask once whether something answers HTTP without a server error; redirects are not followed.

    Args:
        url: ``http://address:port``.
        path: path to ask for.
        timeout: seconds.
        context: for https.

    Returns:
        True when the status is below 500.
    """
    try:
        async with asyncio.timeout(timeout):
            status = await _status(url, path, context)
    except (OSError, TimeoutError, ValueError, IndexError, asyncio.IncompleteReadError):
        return False
    return status < _SERVER_ERROR


@functools.cache
def _default_context() -> ssl.SSLContext:
    # It reads all certificates of the system, which takes a while.
    return ssl.create_default_context()


async def _status(url: str, path: str, context: ssl.SSLContext | None) -> int:
    parts = urlsplit(url)
    tls = None
    if parts.scheme == "https":
        tls = context or await asyncio.to_thread(_default_context)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=tls)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
