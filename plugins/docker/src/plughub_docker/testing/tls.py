"""Connections to servers that speak TLS, as the hub, as the proxy, and without a certificate."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from plughub.kinds import HubContext, TLSFiles
from plughub.testing.conditions import wait_for
from plughub.tls import HUB, LOCAL_NAMES, CertificateFolder

REFUSED: Final = (urllib.error.URLError, ssl.SSLError, ConnectionError, http.client.HTTPException)
"""Errors of a client that the server does not admit."""


class Authorities:
    """The certificate authorities of a hub.

    Args:
        folder: folder of the authorities; missing ones are created.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = CertificateFolder(folder)
        self.folder.prepare()
        self.hub: TLSFiles = self.folder.issue("the-test", HUB, LOCAL_NAMES)

    @property
    def context(self) -> ssl.SSLContext:
        """TLS context of the hub."""
        return self.hub.client_context()

    @property
    def anonymous(self) -> ssl.SSLContext:
        """TLS context of a client that trusts the server but has no certificate."""
        return ssl.create_default_context(cafile=self.hub.cafile)

    def configure(self, hooks: Any, runtime: Path) -> Any:
        """Configure a spawner with the authorities, as a hub does at its start.

        Args:
            hooks: hooks of the spawner.
            runtime: folder for its files.

        Returns:
            The same hooks.
        """
        context = HubContext(mark="", plugin="", base_url="/", api_url="", runtime_dir=runtime)
        hooks.hub_configure(replace(context, certificates=self.folder.folder))
        return hooks


def fetch(url: str, context: ssl.SSLContext | None, headers: dict[str, str] | None = None) -> Any:
    """Send one request.

    Args:
        url: URL of the request.
        context: TLS context; None for plain HTTP.
        headers: headers of the request.

    Returns:
        The decoded JSON of the response.

    Raises:
        OSError: one of `REFUSED`.
    """
    handlers = [urllib.request.HTTPSHandler(context=context)] if context else []
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)
    with opener.open(urllib.request.Request(url, headers=headers or {}), timeout=20) as answer:  # noqa: S310
        return json.load(answer)


def fetch_soon(url: str, context: ssl.SSLContext | None, headers: dict[str, str] | None = None) -> Any:
    """Send a request until it is answered.

    Args:
        url: URL of the request.
        context: TLS context; None for plain HTTP.
        headers: headers of the request.

    Returns:
        The decoded JSON of the response.
    """

    def answer() -> Any:
        try:
            return fetch(url, context, headers)
        except REFUSED:
            return None

    return wait_for(answer)


def certificate_of(url: str, authorities: Authorities, name: str = "") -> bytes:
    """Return a server's certificate.

    Args:
        url: URL of the server.
        authorities: authorities of the hub that connects.
        name: host name to verify; the URL's host if empty.

    Raises:
        OSError: one of `REFUSED`.
    """
    address = urlsplit(url)
    host = address.hostname or ""
    with (
        socket.create_connection((host, address.port or 0), timeout=20) as plain,
        authorities.context.wrap_socket(plain, server_hostname=name or host) as connection,
    ):
        return connection.getpeercert(binary_form=True) or b""
