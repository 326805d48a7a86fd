"""Files of the hub's certificate authorities and of the certificates that they sign.

The directory has the layout of JupyterHub: ``NAME/NAME.key`` and ``NAME/NAME.crt`` for each authority and
each party, and ``AUTHORITY_trust.crt`` with the authorities that the parties of an authority trust.

The contents are created by `plughub.classes.tls.issuer`, which is imported only when needed: most hubs have
no certificates.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plughub.domain.errors import StartError, exit_code_of
from plughub.kinds import TLSFiles

if TYPE_CHECKING:
    from plughub.classes.tls.issuer import KeyAndCertificate

HUB: Final = "hub-ca"
PROXY_API: Final = "proxy-api-ca"
PROXY_CLIENT: Final = "proxy-client-ca"
NOTEBOOKS: Final = "notebooks-ca"
SERVICES: Final = "services-ca"

TRUST: Final[Mapping[str, tuple[str, ...]]] = {
    HUB: (HUB, PROXY_API, PROXY_CLIENT, NOTEBOOKS, SERVICES),
    PROXY_API: (HUB,),
    PROXY_CLIENT: (HUB, NOTEBOOKS, SERVICES),
    NOTEBOOKS: (HUB, PROXY_CLIENT),
    SERVICES: (HUB, PROXY_CLIENT),
}
"""Authorities that the parties of each authority trust. Servers do not trust each other."""

HUB_PARTY: Final = "hub-internal"
"""Party name of every hub process, which is also a host name in its certificate."""

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")


def check_external(authorities: Mapping[str, Mapping[str, str]]) -> None:
    """Check that the files of external authorities exist.

    Raises:
        StartError: one is missing.
    """
    for name, files in authorities.items():
        place = f"c.JupyterHub.external_ssl_authorities[{name!r}]"
        for kind, path in files.items():
            if path and not Path(path).is_file():
                raise StartError(f"{place}: {kind} not found: {path}")
        if not files.get("cert") or "/" in name:
            raise StartError(f"{place} needs 'cert', the path of a certificate")


class CertificateFolder:
    """Directory with authorities and certificates. All methods block.

    Args:
        folder: path of the directory, which is created if missing. Other users may access paths in it, but
            not list it; keys are readable by their owners only.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def prepare(
        self, external: Mapping[str, Mapping[str, str]] | None = None, *, recreate: bool = False
    ) -> None:
        """Create missing authorities, and write the trust files.

        Args:
            external: files of external authorities, by name: ``cert``, optionally ``key`` (without it
                nothing can be signed) and ``ca`` (the authority that signed the certificate). The hub also
                trusts authorities with names of their own.
            recreate: replace all authorities, which invalidates all certificates.

        Raises:
            StartError: the directory or an external file cannot be used.
        """
        given = external or {}
        check_external(given)
        try:
            with self._locked():
                for name in {*TRUST, *given}:
                    if name in given:
                        self._copy_external(name, given[name])
                    elif recreate or not self._files(name)[1].exists():
                        self._create_authority(name)
                for name, trusted in TRUST.items():
                    others = sorted(set(given) - set(TRUST)) if name == HUB else []
                    chain = [self._files(each)[1] for each in (*trusted, *others)]
                    chain += [
                        Path(given[each]["ca"]) for each in (*trusted, *others) if _has(given, each, "ca")
                    ]
                    bundle = "".join(path.read_text("ascii").strip() + "\n" for path in chain)
                    _write(self._trust_file(name), bundle.encode(), 0o644)
        except OSError as error:
            raise StartError(
                f"certificates cannot be created in {self.folder}: {error}",
                hint="set JupyterHub.internal_certs_location to a directory in which the hub may write",
                exit_code=exit_code_of(error),
            ) from error

    def can_sign(self, authority: str) -> bool:
        """Return whether the key of an authority is available.

        Args:
            authority: name of the authority.
        """
        return self._files(authority)[0].exists()

    def issue(self, name: str, authority: str, alt_names: Iterable[str]) -> TLSFiles:
        """Create a new key and certificate.

        Args:
            name: of the party and of its files.
            authority: name of the signing authority.
            alt_names: host names and addresses of the party, optionally with the prefix ``DNS:`` or ``IP:``.

        Returns:
            The files.

        Raises:
            StartError: the key of the authority is not available.
            ValueError: a name is not a host name.
        """
        key_path, path = self._files(authority)
        if not key_path.exists():
            raise StartError(
                f"{name} needs a certificate, but the key of {authority} is missing",
                hint=f"add 'key' to c.JupyterHub.external_ssl_authorities[{authority!r}]",
            )
        from plughub.classes.tls.issuer import UnusableKeyError, issue  # noqa: PLC0415 - loads cryptography

        try:
            issued = issue(name, alt_names, path.read_bytes(), key_path.read_bytes())
        except UnusableKeyError as error:
            raise StartError(f"{key_path} is {error}") from error
        return self._save(name, issued, self._trust_file(authority))

    def keep(self, name: str, authority: str, alt_names: Iterable[str]) -> TLSFiles:
        """Return the certificate of a long-lived party; create a new one only if necessary.

        Args:
            name: of the party.
            authority: name of the signing authority.
            alt_names: host names and addresses of the party.

        Returns:
            The files.

        Raises:
            StartError: a new certificate is necessary and cannot be created.
            ValueError: a name is not a host name.
        """
        wanted = list(alt_names)
        with self._locked():
            key, path = self._files(name)
            if key.exists() and path.exists() and self._is_valid(path, authority, wanted):
                cafile = self._trust_file(authority)
                return TLSFiles(keyfile=str(key), certfile=str(path), cafile=str(cafile))
            return self.issue(name, authority, wanted)

    # ---- authorities

    def _create_authority(self, name: str) -> None:
        from plughub.classes.tls.issuer import make_authority  # noqa: PLC0415 - loads cryptography

        self._save(name, make_authority(name), self._trust_file(name))

    def _copy_external(self, name: str, files: Mapping[str, str]) -> None:
        key, certificate = self._files(name)
        key.parent.mkdir(mode=0o711, exist_ok=True)
        _write(certificate, Path(files["cert"]).read_bytes(), 0o644)
        if files.get("key"):
            _write(key, Path(files["key"]).read_bytes(), 0o600)
        else:
            key.unlink(missing_ok=True)

    def _is_valid(self, path: Path, authority: str, alt_names: Iterable[str]) -> bool:
        from plughub.classes.tls.issuer import is_valid  # noqa: PLC0415 - loads cryptography

        try:
            return is_valid(path.read_bytes(), self._files(authority)[1].read_bytes(), alt_names)
        except OSError:
            return False

    # ---- files

    def _files(self, name: str) -> tuple[Path, Path]:
        return self.folder / name / f"{name}.key", self.folder / name / f"{name}.crt"

    def _trust_file(self, name: str) -> Path:
        return self.folder / f"{name}_trust.crt"

    def _save(self, name: str, issued: KeyAndCertificate, cafile: Path) -> TLSFiles:
        key, path = self._files(name)
        key.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        _write(key, issued.key, 0o600)
        _write(path, issued.certificate, 0o644)
        return TLSFiles(keyfile=str(key), certfile=str(path), cafile=str(cafile))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Lock the directory, so that two hub processes do not create different authorities."""
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        handle = os.open(self.folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _has(external: Mapping[str, Mapping[str, str]], name: str, kind: str) -> bool:
    return bool(external.get(name, {}).get(kind))


def _write(path: Path, text: bytes, mode: int) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    new.replace(path)
