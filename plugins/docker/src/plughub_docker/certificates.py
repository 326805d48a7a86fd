"""Certificates of servers that speak TLS with hub and proxy, in a volume of their container."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from plughub.spawner import SpawnFailed
from plughub.threads import call
from plughub_docker import marks
from plughub_docker.engine import Engine, EngineError
from plughub_docker.options import DockerOptions
from plughub_docker.settings import HOST_NETWORK

FOLDER: Final = "/certs"
PRIVATE: Final = 0o400
READABLE: Final = 0o444
ROOT: Final = 0
KEY_VARIABLE: Final = "JUPYTERHUB_SSL_KEYFILE"
_ACCOUNTS: Final = "/etc/passwd"


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A file that a server needs.

    Attributes:
        name: of the file, without folder.
        content: what is in it; shown nowhere, because it may be a key.
        secret: only the server's user may read it.
    """

    name: str
    content: bytes
    secret: bool

    def __repr__(self) -> str:
        return f"CertificateFile({self.name!r})"

    def mode(self, owner: int | None) -> int:
        """Give the rights of the file.

        Args:
            owner: number of its user; None when it is not known, and everybody inside may read it.
        """
        return PRIVATE if self.secret and owner is not None else READABLE


class DockerCertificates(DockerOptions):
    """Gives a server a certificate that names where it will be reached, and brings it into its container."""

    certificate_folder: ClassVar[str] = FOLDER
    _certificate_files: tuple[CertificateFile, ...] = ()
    _untouched: bool = False

    async def create_certs(self) -> dict[str, str]:
        """Make key and certificate anew; they also name what the spawner knows of the server's address.

        Returns:
            Paths on the machine of the hub.

        Raises:
            SpawnFailed: the user may not have what she asked for, or the address cannot be known before
                the container runs.
        """
        self._untouched = True  # what goes wrong here leaves nothing on the engine
        await self.choose()
        given = self.ssl_alt_names
        if callable(given):
            given = await call(self.plugin, given, self)
        own = await call(f"{self.plugin}-engine", self.own_names, bool(given))
        self.ssl_alt_names = [*(given or ()), *own]
        return await super().create_certs()

    def own_names(self, some_given: bool) -> list[str]:
        """Name where hub and proxy will reach the server.

        Args:
            some_given: ``Spawner.ssl_alt_names`` has names.

        Returns:
            Host names and addresses.

        Raises:
            SpawnFailed: they cannot be known.
        """
        if self.use_internal_hostname:
            return [self.object_name]
        if self.network_name == HOST_NETWORK or not self.use_internal_ip:
            return [self.reached_at]
        if some_given:
            return []
        raise SpawnFailed(
            "the server gets no certificate",
            detail="JupyterHub.internal_ssl is set: the certificate of a server is made before its container "
            "has an address. Set DockerSpawner.use_internal_hostname in a network of your own, publish the "
            "port (DockerSpawner.use_internal_ip = False), or name an address that you fix in "
            "Spawner.ssl_alt_names",
            retry=False,
        )

    def move_certs(self, paths: dict[str, str]) -> dict[str, str]:
        """Take over the files until there is a container for them. The hub keeps no copy of the key."""
        self._certificate_files = tuple(
            CertificateFile(Path(path).name, Path(path).read_bytes(), secret=kind == "keyfile")
            for kind, path in paths.items()
        )
        Path(paths["keyfile"]).unlink(missing_ok=True)
        return {kind: f"{self.certificate_folder}/{Path(path).name}" for kind, path in paths.items()}

    def own_mounts(self) -> list[Mapping[str, Any]]:
        """Mount a volume for the certificate: one without a name goes when its container is removed."""
        if not self.internal_ssl:
            return []
        name = self.fill_in_volume(self.certs_volume_name) if self.certs_volume_name else None
        owned = marks.labels_of(self.record, self.plugin, kept=not self.remove)
        return [{"target": FOLDER, "source": name, "type": "volume", "no_copy": True, "labels": owned}]

    def fill_in_volume(self, template: str) -> str:
        """Fill in a template of a volume."""
        return str(self.format_volume_name(template, self))

    # ---- in a thread

    def place_certificates(self, engine: Engine, container_id: str) -> None:
        """Write the files into the volume of a container that is about to start.

        Args:
            engine: the engine.
            container_id: the container.

        Raises:
            EngineError: it takes no files.
        """
        if not self._certificate_files:
            return
        with engine.asked("the certificate cannot be brought into the container") as client:
            config = client.inspect_container(container_id)["Config"]
            owner = owner_of(
                str(config.get("User") or ""),
                config.get("Env") or (),
                lambda: _accounts(engine, container_id),
            )
            client.put_archive(container_id, FOLDER, packed(self._certificate_files, owner))

    def remove_certificates(self, engine: Engine) -> None:
        """Remove volumes with certificates of this server that no container has any more.

        Args:
            engine: the engine.
        """
        if not self.internal_ssl:
            return
        wanted = marks.filters_of(self.record, self.plugin)
        with engine.asked("the volume of the certificate cannot be looked for") as client:
            found = client.volumes(filters={"label": wanted, "dangling": True})["Volumes"] or ()
        for volume in found:
            # somebody else's container may have taken it in between: then it is hers to remove
            with contextlib.suppress(EngineError), engine.asked() as client:
                client.remove_volume(volume["Name"])


def owner_of(user: str, environment: Iterable[str], accounts: Any) -> int | None:
    """Find out as whom a server runs.

    Args:
        user: of the container: a number or a name, maybe with a group; empty for root.
        environment: of the container, ``NAME=value``. An image of Jupyter that begins as root becomes
            ``NB_UID`` later.
        accounts: gives the image's ``/etc/passwd``, where names are to be looked up.

    Returns:
        The number; None when it cannot be known.
    """
    name = user.partition(":")[0] or str(ROOT)
    number = int(name) if name.isdecimal() else _number_of(name, accounts())
    if number != ROOT:
        return number
    later = dict(pair.partition("=")[::2] for pair in environment).get("NB_UID", "")
    return int(later) if later.isdecimal() else ROOT


def packed(files: Iterable[CertificateFile], owner: int | None) -> bytes:
    """Pack files as the engine takes them.

    Args:
        files: the files.
        owner: number of their user; None when it is not known.

    Returns:
        A tar archive.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in files:
            entry = tarfile.TarInfo(file.name)
            entry.size, entry.mode, entry.uid = len(file.content), file.mode(owner), owner or ROOT
            archive.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()


def _number_of(name: str, accounts: str) -> int | None:
    fields = (line.split(":") for line in accounts.splitlines())
    found = (field[2] for field in fields if field[0] == name and len(field) > 2)  # noqa: PLR2004 - the number
    return next((int(number) for number in found if number.isdecimal()), None)


def _accounts(engine: Engine, container_id: str) -> str:
    """Read who is known inside a container; nothing when it has no such file."""
    with contextlib.suppress(EngineError, KeyError, tarfile.TarError), engine.asked() as client:
        stream, _ = client.get_archive(container_id, _ACCOUNTS)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            file = archive.extractfile(Path(_ACCOUNTS).name)
            return file.read().decode(errors="replace") if file else ""
    return ""
