"""Certificates with which hub, proxy, services and servers authenticate each other."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSFiles:
    """Paths of the TLS files of one party.

    Attributes:
        keyfile: its private key.
        certfile: its certificate.
        cafile: the certificates of the only authorities that it trusts.
    """

    keyfile: str
    certfile: str
    cafile: str

    @classmethod
    def of(cls, paths: Mapping[str, str]) -> TLSFiles:
        """Convert the mapping that spawner classes use.

        Args:
            paths: mapping with the keys ``keyfile``, ``certfile`` and ``cafile``.

        Returns:
            The same paths as a record.

        Raises:
            KeyError: a key is missing.
        """
        return cls(
            keyfile=str(paths["keyfile"]), certfile=str(paths["certfile"]), cafile=str(paths["cafile"])
        )

    @property
    def paths(self) -> dict[str, str]:
        """The paths as the mapping that spawner classes use."""
        return {"keyfile": self.keyfile, "certfile": self.certfile, "cafile": self.cafile}

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that pass the paths to a server or a service.

        Source:
            The environment that ``jupyterhub-singleuser`` reads.
        """
        return {
            "JUPYTERHUB_SSL_KEYFILE": self.keyfile,
            "JUPYTERHUB_SSL_CERTFILE": self.certfile,
            "JUPYTERHUB_SSL_CLIENT_CA": self.cafile,
        }

    def client_context(self) -> ssl.SSLContext:
        """Return a context for client connections that verifies certificate and host name. Blocks.

        Raises:
            OSError: a file cannot be read or is invalid.
        """
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=self.cafile)
        context.load_cert_chain(self.certfile, self.keyfile)
        return context

    def server_context(self) -> ssl.SSLContext:
        """Return a context for a listener that requires client certificates. Blocks.

        Raises:
            OSError: a file cannot be read or is invalid.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.cafile)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self.certfile, self.keyfile)
        return context
