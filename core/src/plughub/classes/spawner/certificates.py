"""Certificate of a server that uses TLS with hub and proxy."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from plughub.classes.tls.certificates import LOCAL_NAMES, NOTEBOOKS, CertificateFolder
from plughub.classes.user_code import call
from plughub.domain.names import unique_name
from plughub.kinds import SpawnFailed

if TYPE_CHECKING:
    from plughub.classes.spawner.spawner import Spawner


def certificate_name(spawner: Spawner) -> str:
    """Return a name for the certificate of a server that is unique and safe as a file name."""
    return f"user-{unique_name(spawner.user.name, spawner.name, max_length=200)}"


async def create_certificate(spawner: Spawner) -> dict[str, str]:
    """Create a new key and certificate of a server.

    Args:
        spawner: about to start.

    Returns:
        Paths on the machine of the hub.

    Raises:
        SpawnFailed: a name in Spawner.ssl_alt_names is invalid.
    """
    names = await _alt_names(spawner)
    folder = CertificateFolder(Path(spawner.internal_certs_location))
    try:
        files = await call(spawner.plugin, folder.issue, certificate_name(spawner), NOTEBOOKS, names)
    except ValueError as error:
        raise SpawnFailed(
            "the certificate of the server could not be created",
            detail=f"Spawner.ssl_alt_names: {error}",
            retry=False,
        ) from error
    paths: dict[str, str] = files.paths
    return paths


async def prepare_certificate(spawner: Spawner) -> None:
    """Create a server's certificate, move it to where the server runs, and set ``cert_paths``."""
    if not spawner.internal_ssl:
        return
    made = await call(spawner.plugin, spawner.create_certs)
    spawner.cert_paths = dict(await call(spawner.plugin, spawner.move_certs, made))


async def _alt_names(spawner: Spawner) -> list[str]:
    names = spawner.ssl_alt_names
    if callable(names):
        names = await call(spawner.plugin, names, spawner)
    given: Iterable[str] = names or ()
    return [*given, *(LOCAL_NAMES if spawner.ssl_alt_names_include_local else ())]
