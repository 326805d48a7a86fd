"""The hub's own authorities and the certificates that they sign, in files.

The layout of the folder is that of JupyterHub: ``NAME/NAME.key`` and ``NAME/NAME.crt`` for each authority and
each party, and ``AUTHORITY_trust.crt`` with the authorities that the parties of an authority trust.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import ipaddress
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from plughub.domain.errors import StartError
from plughub.kinds import TLSFiles

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
"""Whom the parties of each authority trust. Servers do not trust each other."""

HUB_PARTY: Final = "hub-internal"
"""The party that each hub is, whatever its address: also a host name in its certificate."""

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
_AUTHORITY_DAYS: Final = 3650
_DAYS: Final = 825
_RENEW_DAYS: Final = 90
_LONGEST_COMMON_NAME: Final = 64
_NETWORKS: Final = (ipaddress.IPv4Network, ipaddress.IPv6Network)


class CertificateFolder:
    """The folder with authorities and certificates. All methods block.

    Args:
        folder: its path; made when missing. Others may pass through it, not list it; keys are for their
            owners alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def prepare(
        self, external: Mapping[str, Mapping[str, str]] | None = None, *, recreate: bool = False
    ) -> None:
        """Make the authorities that are missing, and write down who trusts whom.

        Args:
            external: files of authorities that somebody else made, by name: ``cert``, and maybe ``key``
                (without it nothing is signed here) and ``ca`` (what the certificate is signed by). The hub
                trusts those with other names, too.
            recreate: make all anew; what was signed before is worth nothing then.

        Raises:
            StartError: the folder or an external file cannot be used.
        """
        given = external or {}
        try:
            with self._alone():
                for name in {*TRUST, *given}:
                    if name in given:
                        self._take_over(name, given[name])
                    elif recreate or not self._files(name)[1].exists():
                        self._make_authority(name)
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
                f"certificates cannot be made in {self.folder}: {error}",
                hint="set JupyterHub.internal_certs_location to a folder that the hub may write to",
            ) from error

    def can_sign(self, authority: str) -> bool:
        """Tell whether the key of an authority is here.

        Args:
            authority: its name.
        """
        return self._files(authority)[0].exists()

    def issue(self, name: str, authority: str, alt_names: Iterable[str]) -> TLSFiles:
        """Make a key and a certificate anew.

        Args:
            name: of the party, also of its files.
            authority: who signs.
            alt_names: host names and addresses at which it is reached, maybe with ``DNS:`` or ``IP:``.

        Returns:
            The files.

        Raises:
            StartError: the key of the authority is not here.
            ValueError: a name is no host name.
        """
        key_path, path = self._files(authority)
        if not key_path.exists():
            raise StartError(
                f"{name} needs a certificate, but there is no key of {authority}",
                hint=f"add 'key' to external_ssl_authorities[{authority!r}]",
            )
        issuer = x509.load_pem_x509_certificates(path.read_bytes())[0]
        signing = serialization.load_pem_private_key(key_path.read_bytes(), None)
        if not isinstance(signing, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise StartError(f"{key_path} is no RSA or EC key")
        key = ec.generate_private_key(ec.SECP256R1())
        names = _general_names(alt_names)
        builder = _builder(name, issuer.subject, key.public_key(), _DAYS)
        builder = (
            builder.add_extension(x509.SubjectAlternativeName(names), critical=False) if names else builder
        )
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(_authority_id(issuer), critical=False)
        )
        return self._save(name, key, builder.sign(signing, hashes.SHA256()), self._trust_file(authority))

    def keep(self, name: str, authority: str, alt_names: Iterable[str]) -> TLSFiles:
        """Give the certificate of a party that needs it for long, made anew only where that is needed.

        Args:
            name: of the party.
            authority: who signs.
            alt_names: host names and addresses at which it is reached.

        Returns:
            The files.

        Raises:
            StartError: it is needed and cannot be made.
            ValueError: a name is no host name.
        """
        wanted = list(alt_names)
        with self._alone():
            key, path = self._files(name)
            if key.exists() and path.exists() and self._is_good(path, authority, wanted):
                cafile = self._trust_file(authority)
                return TLSFiles(keyfile=str(key), certfile=str(path), cafile=str(cafile))
            return self.issue(name, authority, wanted)

    # ---- authorities

    def _make_authority(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = (
            _builder(name, subject, key.public_key(), _AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
        )
        self._save(name, key, builder.sign(key, hashes.SHA256()), self._trust_file(name))

    def _take_over(self, name: str, files: Mapping[str, str]) -> None:
        for kind, path in files.items():
            if path and not Path(path).is_file():
                raise StartError(f"c.JupyterHub.external_ssl_authorities[{name!r}]: no file {path} ({kind})")
        if not files.get("cert") or "/" in name:
            raise StartError(f"c.JupyterHub.external_ssl_authorities[{name!r}] needs a file 'cert'")
        key, certificate = self._files(name)
        key.parent.mkdir(mode=0o711, exist_ok=True)
        _write(certificate, Path(files["cert"]).read_bytes(), 0o644)
        if files.get("key"):
            _write(key, Path(files["key"]).read_bytes(), 0o600)
        else:
            key.unlink(missing_ok=True)

    def _is_good(self, path: Path, authority: str, alt_names: Iterable[str]) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
            issuer = x509.load_pem_x509_certificates(self._files(authority)[1].read_bytes())[0]
            certificate.verify_directly_issued_by(issuer)
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is made anew
            return False
        ends = certificate.not_valid_after_utc - dt.timedelta(days=_RENEW_DAYS)
        return set(names) == set(_general_names(alt_names)) and ends > dt.datetime.now(dt.UTC)

    # ---- files

    def _files(self, name: str) -> tuple[Path, Path]:
        return self.folder / name / f"{name}.key", self.folder / name / f"{name}.crt"

    def _trust_file(self, name: str) -> Path:
        return self.folder / f"{name}_trust.crt"

    def _save(
        self, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, cafile: Path
    ) -> TLSFiles:
        key_path, path = self._files(name)
        key_path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        pem = serialization.Encoding.PEM
        text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        _write(key_path, text, 0o600)
        _write(path, certificate.public_bytes(pem), 0o644)
        return TLSFiles(keyfile=str(key_path), certfile=str(path), cafile=str(cafile))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other hub processes of this machine out: two of them would make two authorities."""
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        handle = os.open(self.folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _has(external: Mapping[str, Mapping[str, str]], name: str, kind: str) -> bool:
    return bool(external.get(name, {}).get(kind))


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    common = x509.NameAttribute(NameOID.COMMON_NAME, name[:_LONGEST_COMMON_NAME])
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([common]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _authority_id(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        found = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        public = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key())
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(public)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found)


def _general_names(texts: Iterable[str]) -> list[x509.GeneralName]:
    """Name hosts and addresses; addresses as hosts of reverse look-ups, too, for who compares hosts only."""
    names = [_general_name(text) for text in texts]
    reverse = [
        x509.DNSName(name.value.reverse_pointer)
        for name in names
        if isinstance(name, x509.IPAddress) and not isinstance(name.value, _NETWORKS)
    ]
    return list(dict.fromkeys([*names, *reverse]))


def _general_name(text: str) -> x509.GeneralName:
    kind, colon, rest = text.partition(":")
    if not colon or kind.upper() not in {"DNS", "IP"}:
        kind, rest = "", text
    if kind.upper() != "DNS":
        try:
            return x509.IPAddress(ipaddress.ip_address(rest))
        except ValueError:
            if kind:
                raise
    try:
        return x509.DNSName(rest.encode("idna").decode("ascii"))
    except UnicodeError as error:
        raise ValueError(f"{text!r} is no host name for a certificate") from error


def _write(path: Path, text: bytes, mode: int) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    new.replace(path)
