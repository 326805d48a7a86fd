"""Certificates by which hub, proxy, services and servers know each other."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSFiles:
    """Paths of what one party needs to speak TLS with the others.

    Attributes:
        keyfile: its private key.
        certfile: its certificate.
        cafile: certificates of the authorities that it trusts, and no others.
    """

    keyfile: str
    certfile: str
    cafile: str

    @classmethod
    def of(cls, paths: Mapping[str, str]) -> TLSFiles:
        """Read paths as spawner classes hand them around.

        Args:
            paths: with the keys ``keyfile``, ``certfile`` and ``cafile``.

        Returns:
            The files.

        Raises:
            KeyError: one is missing.
        """
        return cls(
            keyfile=str(paths["keyfile"]), certfile=str(paths["certfile"]), cafile=str(paths["cafile"])
        )

    @property
    def paths(self) -> dict[str, str]:
        """The paths as spawner classes hand them around."""
        return {"keyfile": self.keyfile, "certfile": self.certfile, "cafile": self.cafile}

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a server or a service learns of them.

        Source:
            The environment that ``jupyterhub-singleuser`` reads.
        """
        return {
            "JUPYTERHUB_SSL_KEYFILE": self.keyfile,
            "JUPYTERHUB_SSL_CERTFILE": self.certfile,
            "JUPYTERHUB_SSL_CLIENT_CA": self.cafile,
        }

    def client_context(self) -> ssl.SSLContext:
        """Make a context for connections to others: their certificate and their name are checked. It blocks.

        Raises:
            OSError: a file cannot be read, or is none of these.
        """
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=self.cafile)
        context.load_cert_chain(self.certfile, self.keyfile)
        return context

    def server_context(self) -> ssl.SSLContext:
        """Make a context for a listener: who comes without a certificate is refused. It blocks.

        Raises:
            OSError: a file cannot be read, or is none of these.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.cafile)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self.certfile, self.keyfile)
        return context
