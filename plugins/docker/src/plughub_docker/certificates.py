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
    """A file that a server needs for TLS.

    Attributes:
        name: name of the file, without its folder.
        content: content, omitted from ``repr`` because it may be a key.
        secret: readable by the server's user only.
    """

    name: str
    content: bytes
    secret: bool

    def __repr__(self) -> str:
        return f"CertificateFile({self.name!r})"

    def mode(self, owner: int | None) -> int:
        """Return the file mode; without a known owner, everybody in the container may read the file."""
        return PRIVATE if self.secret and owner is not None else READABLE


class DockerCertificates(DockerOptions):
    """Issues a server's certificate for its future address, and writes it into its container."""

    certificate_folder: ClassVar[str] = FOLDER
    _certificate_files: tuple[CertificateFile, ...] = ()
    _has_created_nothing: bool = False

    async def create_certs(self) -> dict[str, str]:
        """Create key and certificate, also for the names that the spawner itself knows.

        Returns:
            Paths on the hub's machine.

        Raises:
            SpawnFailed: an option is not allowed, or the address is unknown until the container runs.
        """
        self._has_created_nothing = True  # a failure in here leaves nothing on the engine
        await self.choose()
        given = self.ssl_alt_names
        if callable(given):
            given = await call(self.plugin, given, self)
        own = await call(f"{self.plugin}-engine", self.certificate_names, bool(given))
        self.ssl_alt_names = [*(given or ()), *own]
        return await super().create_certs()

    def certificate_names(self, some_given: bool) -> list[str]:
        """Return the host names and addresses at which hub and proxy will reach the server.

        Args:
            some_given: ``Spawner.ssl_alt_names`` already has names.

        Raises:
            SpawnFailed: the address cannot be known before the container runs.
        """
        if self.use_internal_hostname:
            return [self.object_name]
        if self.network_name == HOST_NETWORK or not self.use_internal_ip:
            return [self.published_host]
        if some_given:
            return []
        raise SpawnFailed(
            "no certificate can be issued for the server",
            detail="JupyterHub.internal_ssl is set, so the certificate of a server is issued before its "
            "container has an address. Set DockerSpawner.use_internal_hostname in a user-defined network, "
            "publish the port (DockerSpawner.use_internal_ip = False), or add a fixed address to "
            "Spawner.ssl_alt_names",
            retry=False,
        )

    def move_certs(self, paths: dict[str, str]) -> dict[str, str]:
        """Load the files until a container exists, and delete the hub's copy of the key."""
        self._certificate_files = tuple(
            CertificateFile(Path(path).name, Path(path).read_bytes(), secret=kind == "keyfile")
            for kind, path in paths.items()
        )
        Path(paths["keyfile"]).unlink(missing_ok=True)
        return {kind: f"{self.certificate_folder}/{Path(path).name}" for kind, path in paths.items()}

    def own_mounts(self) -> list[Mapping[str, Any]]:
        """Return the mount of the certificate volume."""
        if not self.internal_ssl:
            return []
        # The engine removes an unnamed volume together with its container.
        name = self.fill_in_volume(self.certs_volume_name) if self.certs_volume_name else None
        owned = marks.labels_of(self.record, self.plugin, kept=not self.remove)
        return [{"target": FOLDER, "source": name, "type": "volume", "no_copy": True, "labels": owned}]

    def fill_in_volume(self, template: str) -> str:
        """Fill in a volume template."""
        return str(self.format_volume_name(template, self))

    # ---- in a thread

    def write_certificates(self, engine: Engine, container_id: str) -> None:
        """Write the files into the volume of a container that is about to start.

        Raises:
            EngineError: the engine cannot write into the container.
        """
        if not self._certificate_files:
            return
        with engine.request("the certificate cannot be written into the container") as client:
            config = client.inspect_container(container_id)["Config"]
            owner = owner_of(
                str(config.get("User") or ""),
                config.get("Env") or (),
                lambda: _accounts(engine, container_id),
            )
            client.put_archive(container_id, FOLDER, packed(self._certificate_files, owner))

    def remove_certificates(self, engine: Engine) -> None:
        """Remove this server's certificate volumes that no container uses."""
        if not self.internal_ssl:
            return
        wanted = marks.filters_of(self.record, self.plugin)
        with engine.request("the volume of the certificate cannot be listed") as client:
            found = client.volumes(filters={"label": wanted, "dangling": True})["Volumes"] or ()
        for volume in found:
            # Another container may use the volume by now: it is removed with that container.
            with contextlib.suppress(EngineError), engine.request() as client:
                client.remove_volume(volume["Name"])


def owner_of(user: str, environment: Iterable[str], accounts: Any) -> int | None:
    """Return the number of the user that a server runs as; None if unknown.

    Args:
        user: the container's user: number or name, optionally with a group; empty for root.
        environment: the container's variables, as ``NAME=value``. A Jupyter image that starts as root changes
            to ``NB_UID`` later.
        accounts: function that returns the image's ``/etc/passwd``; called only to look up a name.
    """
    name = user.partition(":")[0] or str(ROOT)
    number = int(name) if name.isdecimal() else _number_of(name, accounts())
    if number != ROOT:
        return number
    later = dict(pair.partition("=")[::2] for pair in environment).get("NB_UID", "")
    return int(later) if later.isdecimal() else ROOT


def packed(files: Iterable[CertificateFile], owner: int | None) -> bytes:
    """Return the files as a tar archive for the engine."""
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
    """Return the container's ``/etc/passwd``; empty if it has none."""
    with contextlib.suppress(EngineError, KeyError, tarfile.TarError), engine.request() as client:
        stream, _ = client.get_archive(container_id, _ACCOUNTS)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            file = archive.extractfile(Path(_ACCOUNTS).name)
            return file.read().decode(errors="replace") if file else ""
    return ""
