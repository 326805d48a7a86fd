"""Certificate and key, combined into one text as HAProxy requires."""

from __future__ import annotations

from pathlib import Path

from plughub.errors import StartError, exit_code_of


class CertificateFiles:
    """The files of a certificate, with detection of changes.

    Args:
        certificate: path of the certificate; empty for plain HTTP.
        key: path of the key; empty if the certificate's file contains it.
    """

    def __init__(self, certificate: str = "", key: str = "") -> None:
        self._certificate = certificate
        self._paths = [Path(path) for path in (certificate, key) if certificate and path]
        self._seen = self._read_signature()

    def read(self) -> str:
        """Return the contents of both files, concatenated; empty for plain HTTP.

        Raises:
            StartError: a file cannot be read.
        """
        try:
            return "\n".join(path.read_text("ascii").strip() for path in self._paths) + "\n" * bool(
                self._paths
            )
        except (OSError, UnicodeDecodeError) as error:
            raise StartError(
                f"cannot read certificate or key: {error}", exit_code=exit_code_of(error)
            ) from error

    def has_changed(self) -> bool:
        """Return whether a file has changed since the last call."""
        before, self._seen = self._seen, self._read_signature()
        return before != self._seen

    def _read_signature(self) -> list[tuple[int, int]]:
        try:
            return [(stat.st_mtime_ns, stat.st_size) for stat in (path.stat() for path in self._paths)]
        except OSError:
            return []
