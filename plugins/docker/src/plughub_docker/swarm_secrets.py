"""Swarm secrets, which bring a certificate to any node that runs the server. Everything here blocks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from docker.types import SecretReference

from plughub.kinds import Found, Server
from plughub_docker import marks
from plughub_docker.certificates import CertificateFile
from plughub_docker.engine import Engine, IgnoreMissing

FOLDER: Final = "/run/secrets"
"""Folder in which a swarm mounts secrets, in memory."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of one plugin on one swarm. A secret cannot be changed: each start has its own.

    Attributes:
        engine: a manager of the swarm.
        plugin: name of the plugin.
    """

    engine: Engine
    plugin: str

    def create(
        self, server: Server, files: Iterable[CertificateFile], owner: int | None
    ) -> list[SecretReference]:
        """Create the secrets of a start and return the references for its service.

        Args:
            server: the server record.
            files: contents of the secrets.
            owner: number of the user that reads them; None if unknown.

        Raises:
            EngineError: the swarm refuses.
        """
        owned = marks.labels_of(server, self.plugin, kept=False)
        created = []
        for index, file in enumerate(files):
            name = f"plughub-{server.operation}-{index}"
            with self.engine.request("the certificate cannot be stored in the swarm") as client:
                answer = client.create_secret(name, file.content, labels=owned)
            created.append(
                SecretReference(
                    answer["ID"], name, filename=file.name, uid=str(owner or 0), mode=file.mode(owner)
                )
            )
        return created

    def remove(self, server: Server, operation: str = "") -> None:
        """Remove the secrets of a server whose service is gone. Missing secrets are not an error.

        Args:
            server: the server record.
            operation: operation id of a start; all starts if empty.

        Raises:
            EngineError: a service still uses a secret.
        """
        wanted = marks.filters_of(server, self.plugin, operation)
        with self.engine.request("the secrets of the server cannot be listed") as client:
            found = client.secrets(filters={"label": wanted})
        for secret in found:
            with IgnoreMissing(), self.engine.request("a secret of the server cannot be removed") as client:
                client.remove_secret(secret["ID"])


def without_service(secrets: Iterable[Mapping[str, Any]], operations: Collection[str]) -> list[Found]:
    """List the starts that created secrets but no service."""
    unused = {}
    for secret in secrets:
        known = marks.labels(secret)
        operation = known.get(marks.OPERATION, "")
        if operation not in operations:
            unused[operation] = Found(
                operation=operation, user=known.get(marks.USER, ""), server=known.get(marks.SERVER, "")
            )
    return list(unused.values())
