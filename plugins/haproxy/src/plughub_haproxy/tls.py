"""TLS to targets at ``https://``: what HAProxy shows them, and whom it takes them for."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from plughub.errors import StartError, exit_code_of
from plughub.kinds import TLSFiles
from plughub.tls import HUB_PARTY

CLIENT_NAME: Final = "client.pem"
AUTHORITIES_NAME: Final = "authorities.pem"

_OPTIONS: Final = (
    f"ssl verify required ca-file {AUTHORITIES_NAME} crt {CLIENT_NAME} alpn http/1.1 ssl-min-ver TLSv1.2"
)


@dataclass(frozen=True, slots=True)
class TargetTLS:
    """What there is to show and to trust.

    Attributes:
        client: certificate and key as text.
        authorities: certificates of those who are trusted, as text.
    """

    client: str = field(repr=False)
    authorities: str

    @classmethod
    def read(cls, files: TLSFiles) -> TargetTLS:
        """Read the files. It blocks.

        Args:
            files: of the proxy.

        Returns:
            Their texts.

        Raises:
            StartError: a file cannot be read.
        """
        try:
            certificate, key, authorities = (
                Path(path).read_text("ascii").strip() + "\n"
                for path in (files.certfile, files.keyfile, files.cafile)
            )
        except (OSError, UnicodeDecodeError) as error:
            raise StartError(
                f"cannot read HAProxy's certificate for hub and servers: {error}",
                exit_code=exit_code_of(error),
            ) from error
        return cls(certificate + key, authorities)

    @property
    def fingerprint(self) -> str:
        """What tells it from another."""
        return hashlib.sha256((self.client + self.authorities).encode()).hexdigest()


def options_for_any() -> str:
    """Write the options of a server line whose target is the one of the route.

    Nothing of one target's session is of use to the next. A route that says no name leads nowhere.

    Returns:
        The options; the name that the certificate must have is the sixth field of the route's entry.
    """
    return f"{_OPTIONS} no-ssl-reuse sni var(txn.to),field(6,|) verifyhost nobody.invalid"


def options_for_hubs(tls: TargetTLS | None) -> str:
    """Write the options of server lines whose targets are hubs.

    Args:
        tls: what there is to show; None when hubs speak plain HTTP.

    Returns:
        The options: all hubs have the same name in their certificates, wherever they are.
    """
    return f"{_OPTIONS} verifyhost {HUB_PARTY}" if tls else ""


def certified_name(target: str) -> str:
    """Give the host name that the certificate of a target must have.

    HAProxy compares host names alone, not addresses.

    Args:
        target: ``https://address:port`` or ``https://host:port``.

    Returns:
        The host; ``localhost`` for this machine's own address; for others the name under which reverse
        look-ups have it, which the hub's certificates carry beside each address.

    Raises:
        ValueError: the host is none.
    """
    host = urlsplit(target).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    return "localhost" if str(address) in {"127.0.0.1", "::1"} else address.reverse_pointer
