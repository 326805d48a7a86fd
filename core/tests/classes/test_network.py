from __future__ import annotations

import socket
import ssl

import pytest

from plughub.classes.network import get_server_info, is_valid_ip, random_port
from plughub.classes.tls_context import make_ssl_context


def test_a_random_port_is_free() -> None:
    port = random_port()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("fe80::1", True),
        ("", False),
        ("localhost", False),
        ("1.2.3", False),
    ],
)
def test_an_address_is_distinguished_from_a_name(text: str, valid: bool) -> None:
    assert is_valid_ip(text) is valid


def test_the_url_of_a_server_is_split() -> None:
    assert get_server_info("https://hub.example.org/hub/") == {
        "protocol": "https",
        "host": "hub.example.org",
        "port": 443,
        "path": "/hub/",
    }
    assert get_server_info("http://[::1]:8000")["host"] == "::1"
    assert get_server_info("http://[::1]:8000")["port"] == 8000


@pytest.mark.parametrize("url", ["", "/hub", "localhost:80", "http://"])
def test_a_url_that_is_not_absolute_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not an absolute URL"):
        get_server_info(url)


def test_a_client_verifies_the_server_and_its_name() -> None:
    context = make_ssl_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_server_verifies_the_client() -> None:
    context = make_ssl_context(purpose=ssl.Purpose.CLIENT_AUTH)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert not context.check_hostname


def test_verification_can_be_disabled() -> None:
    context = make_ssl_context(verify_mode=ssl.CERT_NONE)
    assert context.verify_mode is ssl.CERT_NONE
    assert not context.check_hostname
    assert not make_ssl_context(check_hostname=False).check_hostname


def test_additional_attributes_are_set_and_unknown_ones_refused() -> None:
    context = make_ssl_context(minimum_version=ssl.TLSVersion.TLSv1_3)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    with pytest.raises(TypeError, match="no attribute 'minimal_version'"):
        make_ssl_context(minimal_version=1)
