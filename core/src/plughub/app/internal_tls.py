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
    """Certificates of this hub's components.

    Attributes:
        folder: stores them.
        hub: certificate of the hub.
        proxy_client: client certificate of the proxy; None if its authority is external and cannot sign here.
        proxy_api: certificate of the proxy's API; None if its authority is external and cannot sign here.
        context: for connections of the hub to other components.
    """

    folder: CertificateFolder
    hub: TLSFiles
    proxy_client: TLSFiles | None
    proxy_api: TLSFiles | None
    context: ssl.SSLContext

    def service_files(self, service: ServiceDeclaration) -> TLSFiles:
        """Return the certificate of a service that the hub starts; create it if missing. Blocks.

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
    """Create missing authorities and certificates. Blocks.

    Args:
        hub: the settings of the hub.
        connect_url: URL at which other components connect to the hub.

    Returns:
        The certificates; None if ``internal_ssl`` is off.

    Raises:
        StartError: they cannot be created.
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
        client = _issue(folder, "proxy-client", PROXY_CLIENT, local)
        api = _issue(folder, "proxy-api", PROXY_API, local)
        context = files.client_context()
    except (OSError, ValueError) as error:
        raise StartError(
            f"the certificates for internal_ssl cannot be created or read: {error}",
            hint="check JupyterHub.trusted_alt_names and JupyterHub.internal_certs_location",
            exit_code=exit_code_of(error),
        ) from error
    return InternalTLS(folder, files, client, api, context)


def in_proxy(tls: InternalTLS | None, settings: ProxySettings, plugin: str, info: ProxyInfo) -> ProxySettings:
    """Return the proxy's settings with its certificates, if ``internal_ssl`` is on.

    Raises:
        StartError: the proxy does not support internal TLS.
    """
    if tls is None:
        return settings
    check_internal_tls(info, plugin)
    return replace(settings, client_tls=tls.proxy_client, api_tls=tls.proxy_api, hub_tls=tls.hub)


def check_public_certificate(hub: JupyterHub) -> None:
    """Check that the certificate and the key of a proxy that the hub launches fit each other.

    Raises:
        StartError: one of them cannot be read, or they do not fit.
    """
    # configurable-http-proxy reads the passphrase of an encrypted key from this variable.
    password = os.environ.get("CONFIGPROXY_SSL_KEY_PASSPHRASE", "")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(hub.ssl_cert, hub.ssl_key, password)
    except OSError as error:
        raise StartError(
            f"c.JupyterHub.ssl_cert or c.JupyterHub.ssl_key cannot be used: {error.strerror or error}",
            hint="both must be readable files in PEM format, and the key must belong to the certificate",
        ) from error


def check_internal_tls(info: ProxyInfo, plugin: str) -> None:
    """Refuse a proxy that does not support internal TLS.

    Raises:
        StartError: it does not.
    """
    if not info.internal_tls:
        raise StartError(
            f"c.JupyterHub.internal_ssl is set, but the proxy {plugin!r} cannot connect to servers with TLS",
            hint="use the plugin 'haproxy' or 'chp' as proxy, or disable internal_ssl",
        )


def _issue(folder: CertificateFolder, name: str, authority: str, names: Iterable[str]) -> TLSFiles | None:
    if not folder.can_sign(authority):
        return None
    return folder.keep(name, authority, dict.fromkeys(names))


def _specific(hosts: Iterable[str]) -> list[str]:
    return [host for host in hosts if host not in _EVERYWHERE]
