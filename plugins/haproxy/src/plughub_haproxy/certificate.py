"""Certificate and key, as HAProxy wants them: in one file."""

from __future__ import annotations

from pathlib import Path

from plughub.errors import StartError, exit_code_of


class CertificateFiles:
    """The files of a certificate, watched for change.

    Args:
        certificate: path; empty for plain HTTP.
        key: path of its key; empty when the certificate's file has it.
    """

    def __init__(self, certificate: str = "", key: str = "") -> None:
        self._certificate = certificate
        self._paths = [Path(path) for path in (certificate, key) if certificate and path]
        self._seen = self._look()

    def read(self) -> str:
        """Read both.

        Returns:
            Their texts, one after the other; empty for plain HTTP.

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
        """Tell whether a file is another one than when it was last looked at."""
        seen, self._seen = self._seen, self._look()
        return seen != self._seen

    def _look(self) -> list[tuple[int, int]]:
        try:
            return [(stat.st_mtime_ns, stat.st_size) for stat in (path.stat() for path in self._paths)]
        except OSError:
            return []
