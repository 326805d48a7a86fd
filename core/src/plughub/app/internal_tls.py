"""TLS between hub, proxy, services and servers: ``JupyterHub.internal_ssl``."""

from __future__ import annotations

import os
import pwd
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from plughub.app.config import JupyterHub
from plughub.classes.tls.certificates import (
    HUB,
    HUB_PARTY,
    LOCAL_NAMES,
    PROXY_API,
    PROXY_CLIENT,
    SERVICES,
    CertificateFolder,
)
from plughub.domain.errors import StartError, exit_code_of
from plughub.domain.services import ServiceDeclaration
from plughub.kinds import ProxyInfo, ProxySettings, TLSFiles

_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::", "*"})  # noqa: S104 - a comparison


@dataclass(frozen=True, slots=True)
class InternalTLS:
    """The certificates of this hub's parts.

    Attributes:
        folder: where they are.
        hub: those of the hub.
        proxy_client: what the proxy shows to hub and servers; None when its authority is an external one.
        proxy_api: what the proxy's API shows; None when its authority is an external one.
        context: for connections of the hub to others.
    """

    folder: CertificateFolder
    hub: TLSFiles
    proxy_client: TLSFiles | None
    proxy_api: TLSFiles | None
    context: ssl.SSLContext

    def service_files(self, service: ServiceDeclaration) -> TLSFiles:
        """Make the certificate of a service that the hub starts, where it has none yet. It blocks.

        Args:
            service: the service.

        Returns:
            The files; they belong to the system user of the service.
        """
        host = urlsplit(service.url).hostname or ""
        names = dict.fromkeys((*LOCAL_NAMES, *_specific([host])))
        files = self.folder.keep(f"service-{service.name}", SERVICES, names)
        if service.user and os.geteuid() == 0:
            account = pwd.getpwnam(service.user)
            os.chown(files.keyfile, account.pw_uid, account.pw_gid)
        return files


def prepare_tls(hub: JupyterHub, connect_url: str) -> InternalTLS | None:
    """Make what is missing of authorities and certificates. It blocks.

    Args:
        hub: the settings of the hub.
        connect_url: where others reach the hub.

    Returns:
        The certificates; None when ``internal_ssl`` is off.

    Raises:
        StartError: they cannot be made.
    """
    if not hub.internal_ssl:
        return None
    folder = CertificateFolder(Path(hub.internal_certs_location))
    folder.prepare(hub.external_ssl_authorities, recreate=hub.recreate_internal_certs)
    machine = _specific([socket.gethostname(), socket.getfqdn()])
    local = [*LOCAL_NAMES, *machine, *hub.trusted_alt_names]
    of_hub = _specific([hub.hub_ip, hub.hub_connect_ip, urlsplit(connect_url).hostname or ""])
    try:
        files = folder.keep(HUB_PARTY, HUB, dict.fromkeys([HUB_PARTY, *local, *of_hub]))
        client = _keep(folder, "proxy-client", PROXY_CLIENT, local)
        api = _keep(folder, "proxy-api", PROXY_API, local)
        context = files.client_context()
    except (OSError, ValueError) as error:
        raise StartError(
            f"the certificates of the hub cannot be made or read: {error}",
            hint="look at JupyterHub.trusted_alt_names and JupyterHub.internal_certs_location",
            exit_code=exit_code_of(error),
        ) from error
    return InternalTLS(folder, files, client, api, context)


def in_proxy(tls: InternalTLS | None, settings: ProxySettings, plugin: str, info: ProxyInfo) -> ProxySettings:
    """Hand the certificates to the proxy.

    Args:
        tls: the certificates; None when ``internal_ssl`` is off.
        settings: of the proxy.
        plugin: of the proxy.
        info: what it says of itself.

    Returns:
        The settings with them.

    Raises:
        StartError: it cannot do what ``internal_ssl`` asks for.
    """
    if tls is None:
        return settings
    if not info.internal_tls:
        raise StartError(
            f"c.JupyterHub.internal_ssl is set, but plugin {plugin!r} cannot reach servers by TLS",
            hint="use the plugin 'haproxy' or 'chp' as proxy, or switch internal_ssl off",
        )
    return replace(settings, client_tls=tls.proxy_client, api_tls=tls.proxy_api, hub_tls=tls.hub)


def _keep(folder: CertificateFolder, name: str, authority: str, names: Iterable[str]) -> TLSFiles | None:
    if not folder.can_sign(authority):
        return None
    return folder.keep(name, authority, dict.fromkeys(names))


def _specific(hosts: Iterable[str]) -> list[str]:
    return [host for host in hosts if host not in _EVERYWHERE]
