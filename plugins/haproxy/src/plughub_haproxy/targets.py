"""Resolution of route targets to addresses that HAProxy can connect to."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

from plughub.errors import InvalidError
from plughub.utils import is_valid_ip
from plughub_haproxy.entries import Address
from plughub_haproxy.timings import LOOKUP_SECONDS


async def address_of(target: str, *, secure: bool = False) -> Address:
    """Return the IP address and port of a target; a host name is resolved in a thread.

    Args:
        target: ``http://address:port`` or ``http://host:port``.
        secure: accept targets at ``https://`` too.

    Raises:
        InvalidError: the target is invalid, or its host cannot be resolved.
    """
    try:
        parts = urlsplit(target)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise InvalidError(f"{target!r} is not a valid target: {error}") from error
    if parts.scheme not in ({"http", "https"} if secure else {"http"}):
        raise InvalidError(
            f"target {target!r} is not supported: HAProxy accepts only http:// targets unless "
            "JupyterHub.internal_ssl is set; the plugin 'chp' supports https://"
        )
    if not host:
        raise InvalidError(f"target {target!r} has no host")
    if is_valid_ip(host):
        return host, port
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError) as error:
        raise InvalidError(
            f"the host of target {target!r} cannot be resolved",
            hint="make the name known on this machine, or correct the address (for the hub, "
            "JupyterHub.hub_connect_url or hub_connect_ip)",
        ) from error
    found.sort(key=lambda info: info[0] != socket.AF_INET)
    return str(found[0][4][0]), port
