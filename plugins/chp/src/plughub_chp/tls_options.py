"""Command-line options for TLS."""

from __future__ import annotations

from plughub.kinds import TLSFiles


def tls_options(side: str, files: TLSFiles | None) -> list[str]:
    """Return the options of one side, which requires client certificates."""
    if files is None:
        return []
    option = f"--{side}-ssl"
    paths = [f"{option}-key", files.keyfile, f"{option}-cert", files.certfile, f"{option}-ca", files.cafile]
    return [*paths, f"{option}-request-cert", f"{option}-reject-unauthorized"]
