"""LDAPAuthenticator, unmodified, with a real directory."""

from __future__ import annotations

import re
import socket
import threading
import urllib.error
import urllib.request
from http import HTTPStatus

import pytest

from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess

from .directory import GROUPS, PEOPLE, Directory, make_certificate

pytestmark = pytest.mark.timeout(120)

CONFIG = """
import ssl

c.JupyterHub.authenticator_class = "ldap"
c.JupyterHub.redirect_to_server = False
c.LDAPAuthenticator.server_address = "127.0.0.1"
c.LDAPAuthenticator.server_port = {port}
c.LDAPAuthenticator.tls_kwargs = {{"validate": ssl.CERT_REQUIRED, "ca_certs_file": {authority!r}}}
"""
BY_NAME = f"""
c.LDAPAuthenticator.bind_dn_template = ["cn={{username}},{GROUPS}", "cn={{username}},{PEOPLE}"]
c.LDAPAuthenticator.allow_all = True
c.LDAPAuthenticator.admin_users = {{"n1"}}
"""
BY_SEARCH = f"""
c.LDAPAuthenticator.tls_strategy = "on_connect"
c.LDAPAuthenticator.lookup_dn = True
c.LDAPAuthenticator.lookup_dn_search_user = "cn=n2,{PEOPLE}"
c.LDAPAuthenticator.lookup_dn_search_password = "word of eve"
c.LDAPAuthenticator.user_search_base = "{PEOPLE}"
c.LDAPAuthenticator.user_attribute = "uid"
c.LDAPAuthenticator.lookup_dn_user_dn_attribute = "cn"
c.LDAPAuthenticator.valid_username_regex = "(?s).*"
c.LDAPAuthenticator.allowed_groups = ["cn=staff,{GROUPS}", "cn=nobody,{GROUPS}"]
"""

REFUSED = (HTTPStatus.FORBIDDEN, "Invalid username or password")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    with Directory(tmp_path_factory.mktemp("slapd")) as running:
        yield running


@pytest.fixture(scope="module")
def searching(tmp_path_factory, directory):
    config = CONFIG.format(port=directory.tls_port, authority=str(directory.authority)) + BY_SEARCH
    with HubProcess(
        tmp_path_factory.mktemp("hub"), "--plugins", "jupyterhub,simple,haproxy", config=config
    ) as hub:
        yield hub


def log_in(hub, name, password):
    """Log in, and return the name on the page that follows, or else the status and the message."""
    try:
        page = FormClient(hub.url).log_in(name, password, to="/hub/token")
    except urllib.error.HTTPError as error:
        with error:
            found = re.search(r'role="alert">([^<]*)', error.read().decode())
        return error.code, found[1] if found else ""
    return re.search(r'"user": "([^"]*)"', page)[1]


def test_only_the_right_password_of_an_allowed_group_logs_in(searching):
    assert log_in(searching, "Ada", "word of ada") == "ada"
    assert log_in(searching, "ada", "word of eve") == REFUSED
    assert log_in(searching, "ada", "") == REFUSED
    assert log_in(searching, "nobody", "word of ada") == REFUSED
    for name in ("eve", "max"):
        status, message = log_in(searching, name, f"word of {name}")
        assert (status, "not allowed" in message) == (HTTPStatus.FORBIDDEN, True)
    assert "word of" not in searching.output


@pytest.mark.parametrize(
    "name", ["*", "ad*", "ada)(uid=*", "ad\\61", "ada)(|(uid=*", "x" * 200, "x" * 5000, "ada,ou=people"]
)
def test_a_hostile_name_finds_no_user(searching, name):
    assert log_in(searching, name, "word of ada") == REFUSED


def test_a_name_with_a_null_character_is_refused(searching):
    assert log_in(searching, "ada\0", "word of ada")[0] == HTTPStatus.BAD_REQUEST


def test_a_certificate_that_another_authority_signed_and_a_silent_directory_log_nobody_in(tmp_path):
    """Users read that logging in is out of order. A directory that keeps a login waiting does not block the hub."""
    with Directory(tmp_path / "slapd") as directory:
        known = tmp_path / "known.crt"
        known.write_bytes(directory.authority.read_bytes())
        config = CONFIG.format(port=directory.port, authority=str(known)) + BY_NAME
        with HubProcess(tmp_path / "hub", "--plugins", "jupyterhub,simple,haproxy", config=config) as hub:
            assert log_in(hub, "n1", "word of ada") == "n1"
            assert log_in(hub, "n2", "word of ada") == REFUSED
            make_certificate(tmp_path / "known")
            assert_out_of_order(log_in(hub, "n1", "word of ada"))
            directory.stop()
            assert_out_of_order(log_in(hub, "n1", "word of ada"))
            with socket.create_server(("127.0.0.1", directory.port)) as silent:
                answers = []
                attempt = threading.Thread(target=lambda: answers.append(log_in(hub, "n1", "word of ada")))
                attempt.start()
                connection, _ = silent.accept()
                with connection:
                    assert connection.recv(1)
                    for _ in range(20):
                        with urllib.request.urlopen(f"{hub.hub_url}/hub/health", timeout=20) as answer:
                            assert answer.status == HTTPStatus.OK
                    assert not answers
                attempt.join()
            assert_out_of_order(answers[0])
            assert "word of" not in hub.output


def assert_out_of_order(answer):
    assert answer[0] == HTTPStatus.SERVICE_UNAVAILABLE
    assert "out of order" in answer[1]
