"""Ports, addresses and TLS contexts."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def random_port() -> int:
    """Find a free TCP port.

    Another process may take the port before it is used.

    Returns:
        The port.
    """
    with socket.socket() as listener:
        listener.bind(("", 0))
        port: int = listener.getsockname()[1]
    return port


def is_valid_ip(ip: str) -> bool:
    """Return whether a string is an IPv4 or IPv6 address.

    Args:
        ip: the string.
    """
    try:
        ipaddress.ip_address(ip)
    except ValueError:
        return False
    return True


def get_server_info(url: str) -> dict[str, Any]:
    """Split the URL of a server.

    Args:
        url: an absolute URL.

    Returns:
        ``protocol``, ``host``, ``port`` (that of the protocol if the URL has none) and ``path``.

    Raises:
        ValueError: the URL is not absolute.
    """
    parts = urlsplit(url)
    if not parts.scheme or not parts.hostname:
        raise ValueError(f"{url!r} is not an absolute URL such as http://127.0.0.1:8000")
    return {
        "protocol": parts.scheme,
        "host": parts.hostname,
        "port": parts.port or _DEFAULT_PORTS.get(parts.scheme),
        "path": parts.path or "/",
    }


def make_ssl_context(
    keyfile: str | None = None,
    certfile: str | None = None,
    cafile: str | None = None,
    verify_mode: ssl.VerifyMode | None = None,
    check_hostname: bool | None = None,
    *,
    purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH,
    **options: Any,
) -> ssl.SSLContext:
    """Create a TLS context that verifies the peer.

    Args:
        keyfile: path of the private key.
        certfile: path of the certificate.
        cafile: path of the trusted authorities; those of the system by default.
        verify_mode: whether the peer needs a certificate; required by default.
        check_hostname: whether the certificate must match the host name; by default for a client that
            verifies.
        purpose: ``SERVER_AUTH`` for a client, ``CLIENT_AUTH`` for a server.
        options: further attributes of the context, such as ``minimum_version``.

    Returns:
        The context.

    Raises:
        TypeError: a context has no such attribute.
    """
    context = ssl.create_default_context(purpose, cafile=cafile)
    if certfile:
        context.load_cert_chain(certfile, keyfile)
    verify = ssl.CERT_REQUIRED if verify_mode is None else verify_mode
    is_client = purpose is ssl.Purpose.SERVER_AUTH
    # ssl refuses CERT_NONE while check_hostname is set, so disable it before verify_mode changes
    context.check_hostname = False
    context.verify_mode = verify
    wanted = is_client and verify is not ssl.CERT_NONE if check_hostname is None else check_hostname
    context.check_hostname = wanted
    for name, value in options.items():
        if not hasattr(context, name):
            raise TypeError(f"a TLS context has no attribute {name!r}")
        setattr(context, name, value)
    return context
