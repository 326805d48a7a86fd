"""Creation and validation of keys and certificates in PEM format."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from plughub.domain.timings import AUTHORITY_DAYS, CERTIFICATE_DAYS, CERTIFICATE_RENEW_DAYS

_LONGEST_COMMON_NAME: Final = 64
_NETWORKS: Final = (ipaddress.IPv4Network, ipaddress.IPv6Network)


class UnusableKeyError(Exception):
    """A key cannot sign certificates."""


@dataclass(frozen=True, slots=True)
class KeyAndCertificate:
    """Private key and its certificate.

    Attributes:
        key: unencrypted PEM.
        certificate: PEM.
    """

    key: bytes = field(repr=False)
    certificate: bytes


def make_authority(name: str) -> KeyAndCertificate:
    """Create a self-signed authority.

    Args:
        name: of the authority.

    Returns:
        Its key and certificate.
    """
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
        _builder(name, subject, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return _in_pem(key, builder.sign(key, hashes.SHA256()))


def issue(name: str, alt_names: Iterable[str], authority: bytes, authority_key: bytes) -> KeyAndCertificate:
    """Create a key, and a certificate signed by an authority.

    Args:
        name: of the party.
        alt_names: host names and addresses of the party, optionally with the prefix ``DNS:`` or ``IP:``.
        authority: certificate of the authority, in PEM.
        authority_key: key of the authority, in PEM.

    Returns:
        Key and certificate.

    Raises:
        UnusableKeyError: the authority's key is neither an RSA nor an EC key.
        ValueError: a name is not a host name.
    """
    issuer = x509.load_pem_x509_certificates(authority)[0]
    signing = serialization.load_pem_private_key(authority_key, None)
    if not isinstance(signing, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise UnusableKeyError("neither an RSA nor an EC key")
    key = ec.generate_private_key(ec.SECP256R1())
    names = _general_names(alt_names)
    builder = _builder(name, issuer.subject, key.public_key(), CERTIFICATE_DAYS)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False) if names else builder
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(_authority_id(issuer), critical=False)
    )
    return _in_pem(key, builder.sign(signing, hashes.SHA256()))


def is_valid(certificate: bytes, authority: bytes, alt_names: Iterable[str]) -> bool:
    """Return whether a certificate remains usable.

    Args:
        certificate: of the party, in PEM.
        authority: certificate of the expected authority, in PEM.
        alt_names: expected host names and addresses.

    Returns:
        False if another authority signed it, its names differ, it expires soon, or it cannot be parsed.

    Raises:
        ValueError: a name is not a host name.
    """
    try:
        known = x509.load_pem_x509_certificate(certificate)
        known.verify_directly_issued_by(x509.load_pem_x509_certificates(authority)[0])
        names = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - any defect is a reason to replace it
        return False
    ends = known.not_valid_after_utc - dt.timedelta(days=CERTIFICATE_RENEW_DAYS)
    return set(names) == set(_general_names(alt_names)) and ends > dt.datetime.now(dt.UTC)


def _in_pem(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> KeyAndCertificate:
    pem = serialization.Encoding.PEM
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return KeyAndCertificate(text, certificate.public_bytes(pem))


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
    """Convert host names and addresses; addresses also as reverse DNS names, for peers that compare only DNS
    names.
    """
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
        raise ValueError(f"{text!r} is not a host name for a certificate") from error
