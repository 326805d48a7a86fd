"""What a hub process watches on its machine: folders, and certificates and addresses of its configuration."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from pathlib import Path

from plughub.app.config import JupyterHub
from plughub.app.unread_settings import uses_plain_http
from plughub.domain.findings import Finding, Severity
from plughub.domain.timings import CERTIFICATE_ERROR_DAYS, CERTIFICATE_WARNING_DAYS
from plughub.services.insight.machine import HOMES
from plughub.services.insight.monitor import WatchedParts
from plughub.storage.database import is_in_memory
from plughub.storage.schema import sqlite_path

log = logging.getLogger("plughub.app")


def watched_parts(hub: JupyterHub, ip: str, runtime_dir: Path) -> WatchedParts:
    """Return what to watch: the folders of the database, of the hub's files and of users, and the settings.

    Args:
        hub: settings of the hub.
        ip: address to which browsers connect; empty for all.
        runtime_dir: folder for sockets, logs and generated files.
    """
    return WatchedParts(
        folders=tuple(_folders(hub, runtime_dir)),
        check_configuration=lambda: tuple(_configuration_findings(hub, ip)),
    )


def _folders(hub: JupyterHub, runtime_dir: Path) -> Iterator[Path]:
    if not is_in_memory(hub.db_url) and (path := sqlite_path(hub.db_url)) is not None:
        yield path.absolute().parent
    yield runtime_dir.absolute()
    yield HOMES


def _configuration_findings(hub: JupyterHub, ip: str) -> Iterator[Finding]:
    if uses_plain_http(hub, ip):
        yield Finding(
            code="H070",
            severity=Severity.WARNING,
            message=f"the hub uses plain HTTP at {ip or 'all addresses'}: login cookies and passwords can be "
            "read in transit",
            action="set c.JupyterHub.ssl_cert and ssl_key or, behind a reverse proxy with TLS, "
            "c.JupyterHub.public_url",
        )
    yield from _own_certificate_findings(hub)


def _own_certificate_findings(hub: JupyterHub) -> Iterator[Finding]:
    if hub.ssl_cert:
        yield from certificate_findings(Path(hub.ssl_cert), dt.datetime.now(dt.UTC))


def warn_of_certificate(hub: JupyterHub) -> None:
    """Warn of a certificate that browsers do not accept, or soon will not."""
    for finding in _own_certificate_findings(hub):
        log.warning("%s: %s", finding.message, finding.action)


def certificate_findings(path: Path, now: dt.datetime) -> Iterator[Finding]:
    """Yield a finding if a certificate expires soon or cannot be read.

    Args:
        path: certificate in PEM format, with those of its issuers after it.
        now: present time.
    """
    from cryptography import x509  # noqa: PLC0415 - slow to load, and only needed with a certificate

    action = f"renew {path} (c.JupyterHub.ssl_cert), then restart the proxy so that it reads the new one"
    try:
        ends = x509.load_pem_x509_certificates(path.read_bytes())[0].not_valid_after_utc
    except (OSError, ValueError) as error:
        message = f"the certificate of the hub cannot be read: {error}"
        yield Finding(
            code="H071", severity=Severity.WARNING, subject=str(path), message=message, action=action
        )
        return
    days = (ends - now) / dt.timedelta(days=1)
    if days < CERTIFICATE_WARNING_DAYS:
        verb = "expired" if days < 0 else "expires"
        yield Finding(
            code="H071",
            severity=Severity.ERROR if days < CERTIFICATE_ERROR_DAYS else Severity.WARNING,
            subject=str(path),
            message=f"the certificate of the hub {verb} on {ends:%Y-%m-%d at %H:%M} UTC",
            action=action,
        )
