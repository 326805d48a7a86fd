"""TLS to targets at ``https://``: client certificate and verification."""

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
    """Client certificate, and the authorities that HAProxy trusts.

    Attributes:
        client: certificate and key in PEM format.
        authorities: trusted CA certificates in PEM format.
    """

    client: str = field(repr=False)
    authorities: str

    @classmethod
    def read(cls, files: TLSFiles) -> TargetTLS:
        """Read the files of the proxy. Blocks.

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
                f"cannot read HAProxy's client certificate for hub and servers: {error}",
                exit_code=exit_code_of(error),
            ) from error
        return cls(certificate + key, authorities)

    @property
    def fingerprint(self) -> str:
        """Hash of certificate, key and authorities."""
        return hashlib.sha256((self.client + self.authorities).encode()).hexdigest()


def options_for_any() -> str:
    """Return the options of a server line whose target comes from the route's entry.

    The required certificate name is the sixth field of the entry; an entry without a name reaches no target.
    TLS sessions are not reused, because the session of one target is useless for the next.
    """
    return f"{_OPTIONS} no-ssl-reuse sni var(txn.to),field(6,|) verifyhost nobody.invalid"


def options_for_hubs(tls: TargetTLS | None) -> str:
    """Return the options of server lines for hubs, whose certificates all have the same name.

    Args:
        tls: client certificate; None if hubs speak plain HTTP.
    """
    return f"{_OPTIONS} verifyhost {HUB_PARTY}" if tls else ""


def certificate_name(target: str) -> str:
    """Return the host name that a target's certificate must have.

    HAProxy compares host names only, not addresses. Loopback addresses become ``localhost``; other addresses
    become their reverse DNS name, which the hub's certificates contain beside each address.

    Args:
        target: ``https://address:port`` or ``https://host:port``.

    Raises:
        ValueError: the host is invalid.
    """
    host = urlsplit(target).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    return "localhost" if str(address) in {"127.0.0.1", "::1"} else address.reverse_pointer
