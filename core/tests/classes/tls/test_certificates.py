"""Authorities of the hub, and certificates signed by them."""

import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from plughub.classes.tls.certificates import HUB, NOTEBOOKS, PROXY_API, PROXY_CLIENT, CertificateFolder
from plughub.domain.errors import StartError


@pytest.fixture
def folder(tmp_path):
    made = CertificateFolder(tmp_path / "ssl")
    made.prepare()
    return made


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, host: str = "localhost") -> None:
    """Connect two parties in memory; raise the error of the one that refuses."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(down, up, server_hostname=host)
    other = server.wrap_bio(up, down, server_side=True)
    for _ in range(4):
        for side in (one, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    one.write(b"x")
    assert other.read(1) == b"x"


def test_keys_are_readable_by_their_owner_only_and_the_folder_cannot_be_listed(folder):
    folder.issue("user-alice", NOTEBOOKS, ["localhost"])
    keys = list(folder.folder.rglob("*.key"))
    assert len(keys) == 6
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (folder.folder, keys[0].parent)} == {0o711}


def test_existing_authorities_are_kept_unless_recreate_is_set(folder):
    path = folder.folder / HUB / f"{HUB}.crt"
    first = path.read_bytes()
    folder.prepare()
    assert path.read_bytes() == first
    folder.prepare(recreate=True)
    assert path.read_bytes() != first


def test_an_address_is_also_a_dns_name_for_peers_that_compare_only_those(folder):
    path = folder.issue("one", HUB, ["localhost", "10.0.0.5"]).certfile
    certificate = x509.load_pem_x509_certificate(Path(path).read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "5.0.0.10.in-addr.arpa"]
    assert folder.keep("one", HUB, ["localhost", "10.0.0.5"]).certfile == path
    assert Path(path).read_bytes() == certificate.public_bytes(serialization.Encoding.PEM)


def test_hubs_that_start_at_once_make_one_authority(tmp_path):
    def prepared(_):
        one = CertificateFolder(tmp_path / "ssl")
        one.prepare()
        return one.keep("hub-internal", HUB, ["localhost"]), (one.folder / f"{HUB}_trust.crt").read_text()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(prepared, range(4)))
    assert len(set(answers)) == 1


@pytest.mark.parametrize(
    ("client", "server", "works"),
    [
        (HUB, NOTEBOOKS, True),
        (PROXY_CLIENT, NOTEBOOKS, True),
        (NOTEBOOKS, HUB, True),
        (PROXY_CLIENT, HUB, True),
        (HUB, PROXY_API, True),
        (NOTEBOOKS, NOTEBOOKS, False),
        (NOTEBOOKS, PROXY_API, False),
        (PROXY_API, NOTEBOOKS, False),
    ],
)
def test_parties_trust_only_their_peers(folder, client, server, works):
    one = folder.issue("one", client, ["localhost"]).client_context()
    other = folder.issue("other", server, ["localhost"]).server_context()
    if works:
        shake_hands(one, other)
    else:
        with pytest.raises(ssl.SSLError):
            shake_hands(one, other)


def test_a_server_itself_refuses_the_certificate_of_another_server(folder):
    """Servers do not trust each other, even where the visitor does not look at whom it talks to."""
    careless = folder.issue("mallory", NOTEBOOKS, ["localhost"]).client_context()
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    other = folder.issue("alice", NOTEBOOKS, ["localhost"]).server_context()
    with pytest.raises(ssl.SSLError):
        shake_hands(careless, other)


def test_a_name_that_is_not_in_the_certificate_is_refused(folder):
    hub = folder.issue("hub", HUB, ["localhost"]).client_context()
    files = folder.issue("alice", NOTEBOOKS, ["DNS:alice.lan", "IP:10.0.0.7", "10.0.0.8", "fe80::1"])
    server = files.server_context()
    for name in ("alice.lan", "10.0.0.7", "10.0.0.8", "fe80::1"):
        shake_hands(hub, server, name)
    for name in ("localhost", "bob.lan", "10.0.0.9"):
        with pytest.raises(ssl.SSLError, match=r"mismatch|not valid"):
            shake_hands(hub, server, name)


@pytest.mark.parametrize("name", ["IP:alice", "DNS:" + "x" * 64 + ".lan", "IP:999.1.1.1"])
def test_an_invalid_name_is_refused_with_the_name(folder, name):
    with pytest.raises(ValueError, match=r".+"):
        folder.issue("alice", NOTEBOOKS, [name])


def test_a_long_username_is_accepted(folder):
    files = folder.issue("user-" + "a" * 200, NOTEBOOKS, ["localhost"])
    shake_hands(folder.issue("hub", HUB, ["localhost"]).client_context(), files.server_context())


def test_a_kept_certificate_is_replaced_for_other_names_and_another_authority(folder):
    def serial(names):
        files = folder.keep("hub-internal", HUB, names)
        return x509.load_pem_x509_certificate(Path(files.certfile).read_bytes()).serial_number

    first = serial(["localhost", "127.0.0.1"])
    assert serial(["127.0.0.1", "localhost"]) == first
    other = serial(["localhost", "hub.lan"])
    assert other != first
    folder.prepare(recreate=True)
    assert serial(["localhost", "hub.lan"]) not in {first, other}


def test_an_external_authority_without_a_key_is_trusted_and_signs_nothing(folder, tmp_path):
    elsewhere = CertificateFolder(tmp_path / "elsewhere")
    elsewhere.prepare()
    given = {PROXY_CLIENT: {"cert": str(elsewhere.folder / PROXY_CLIENT / f"{PROXY_CLIENT}.crt")}}
    folder.prepare(given)
    hub = folder.issue("hub", HUB, ["localhost"])
    visitor = elsewhere.issue("proxy", PROXY_CLIENT, ["localhost"]).client_context()
    visitor.load_verify_locations(hub.cafile)
    shake_hands(visitor, hub.server_context())
    assert not folder.can_sign(PROXY_CLIENT)
    with pytest.raises(StartError, match="the key of proxy-client-ca is missing") as raised:
        folder.issue("proxy", PROXY_CLIENT, ["localhost"])
    assert "external_ssl_authorities" in str(raised.value.hint)


def test_an_external_file_that_is_missing_is_named(folder):
    with pytest.raises(StartError, match="/no/such/file"):
        folder.prepare({PROXY_CLIENT: {"cert": "/no/such/file"}})


def test_a_folder_that_cannot_be_created_is_reported_with_its_setting(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StartError) as raised:
        CertificateFolder(tmp_path / "file" / "ssl").prepare()
    assert "internal_certs_location" in str(raised.value.hint)


def test_openssl_accepts_the_certificates_in_strict_mode(folder):
    files = folder.issue("alice", NOTEBOOKS, ["localhost"])
    authority = folder.folder / NOTEBOOKS / f"{NOTEBOOKS}.crt"
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-CAfile",
        authority,
        files.certfile,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
