"""Certificate of a server that uses TLS with hub and proxy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plughub.classes.tls.certificates import NOTEBOOKS, CertificateFolder
from plughub.classes.user_code import call
from plughub.domain.names import unique_name
from plughub.kinds import SpawnFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequest:
    """Facts about a server that its certificate is created from.

    Attributes:
        plugin: the spawner; its threads create the certificate.
        folder: folder of the hub's certificates.
        username: name of the user.
        server: name of the server.
        alt_names: subject alternative names.
    """

    plugin: str
    folder: Path
    username: str
    server: str
    alt_names: list[str]

    @property
    def name(self) -> str:
        """Name of the certificate, unique and safe as a file name."""
        return f"user-{unique_name(self.username, self.server, max_length=200)}"


async def create_certificate(request: CertificateRequest) -> dict[str, str]:
    """Create a new key and certificate of a server that is about to start.

    Returns:
        Paths on the machine of the hub.

    Raises:
        SpawnFailed: an alternative name is invalid.
    """
    issue = CertificateFolder(request.folder).issue
    try:
        files = await call(request.plugin, issue, request.name, NOTEBOOKS, request.alt_names)
    except ValueError as error:
        raise SpawnFailed(
            "the certificate of the server could not be created",
            detail=f"Spawner.ssl_alt_names: {error}",
            retry=False,
        ) from error
    paths: dict[str, str] = files.paths
    return paths
