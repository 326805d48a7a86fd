"""Servers that speak TLS, looked at as the hub, as the proxy and as a stranger."""

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
"""What who is not let in gets."""


class Authorities:
    """The authorities of a hub.

    Args:
        folder: where they are, or are made when there are none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = CertificateFolder(folder)
        self.folder.prepare()
        self.hub: TLSFiles = self.folder.issue("the-test", HUB, LOCAL_NAMES)

    @property
    def context(self) -> ssl.SSLContext:
        """What the hub shows, and whom it trusts."""
        return self.hub.client_context()

    @property
    def anonymous(self) -> ssl.SSLContext:
        """Who trusts the server but shows no certificate."""
        return ssl.create_default_context(cafile=self.hub.cafile)

    def told(self, hooks: Any, runtime: Path) -> Any:
        """Tell a spawner of the authorities, as a hub does at its start.

        Args:
            hooks: of the spawner.
            runtime: folder for its files.

        Returns:
            The same hooks.
        """
        context = HubContext(mark="", plugin="", base_url="/", api_url="", runtime_dir=runtime)
        hooks.hub_configure(replace(context, certificates=self.folder.folder))
        return hooks


def fetch(url: str, context: ssl.SSLContext | None, headers: dict[str, str] | None = None) -> Any:
    """Ask once.

    Args:
        url: what to ask.
        context: certificates; None where none are needed.
        headers: of the request.

    Returns:
        The answer's JSON.

    Raises:
        OSError: one of `REFUSED`.
    """
    handlers = [urllib.request.HTTPSHandler(context=context)] if context else []
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)
    with opener.open(urllib.request.Request(url, headers=headers or {}), timeout=20) as answer:  # noqa: S310
        return json.load(answer)


def fetch_soon(url: str, context: ssl.SSLContext | None, headers: dict[str, str] | None = None) -> Any:
    """Ask until somebody answers.

    Args:
        url: what to ask.
        context: certificates; None where none are needed.
        headers: of the request.

    Returns:
        The answer's JSON.
    """

    def answer() -> Any:
        try:
            return fetch(url, context, headers)
        except REFUSED:
            return None

    return wait_for(answer)


def certificate_of(url: str, authorities: Authorities, name: str = "") -> bytes:
    """Get the certificate that a server shows.

    Args:
        url: of the server.
        authorities: whose hub asks.
        name: that has to be in it; the host's where it is empty.

    Returns:
        The certificate.

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
