"""Ports, addresses and TLS, under the names that plugins know."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def random_port() -> int:
    """Find a TCP port that nobody listens on right now.

    Returns:
        The port.
    """
    with socket.socket() as listener:
        listener.bind(("", 0))
        port: int = listener.getsockname()[1]
    return port


def is_valid_ip(ip: str) -> bool:
    """Tell whether a text is an IPv4 or IPv6 address.

    Args:
        ip: the text.

    Returns:
        True when it is.
    """
    try:
        ipaddress.ip_address(ip)
    except ValueError:
        return False
    return True


def get_server_info(url: str) -> dict[str, Any]:
    """Take the address of a server apart.

    Args:
        url: an absolute address.

    Returns:
        ``protocol``, ``host``, ``port`` (the protocol's own when the address names none) and ``path``.

    Raises:
        ValueError: it is no absolute address.
    """
    parts = urlsplit(url)
    if not parts.scheme or not parts.hostname:
        raise ValueError(f"{url!r} is no absolute address such as http://127.0.0.1:8000")
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
    """Make a TLS context that verifies the other side.

    Args:
        keyfile: path of the private key.
        certfile: path of the certificate.
        cafile: path of the authorities to trust, the system's when left out.
        verify_mode: whether the other side needs a certificate; it does.
        check_hostname: whether the name in it must fit; it must for a client.
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
    # the library refuses a context that checks names without verifying, even for a moment
    context.check_hostname = False
    context.verify_mode = verify
    wanted = is_client and verify is not ssl.CERT_NONE if check_hostname is None else check_hostname
    context.check_hostname = wanted
    for name, value in options.items():
        if not hasattr(context, name):
            raise TypeError(f"a TLS context has no setting {name!r}")
        setattr(context, name, value)
    return context
