"""Authenticators with pages of their own, unmodified: several on one hub, and those that need no form alone."""

from __future__ import annotations

import re
import time
from http import HTTPStatus

import pytest
import requests
from jose import jwt

from plughub.testing.client import ApiClient
from plughub.testing.hub import HubProcess

from .conftest import Visitor

pytestmark = pytest.mark.timeout(120)
TOKEN = "5d" * 16
SECRET = "the secret of the front server"
TESTS = f"""
c.JupyterHub.redirect_to_server = False
c.JupyterHub.services = [{{"name": "tests", "api_token": "{TOKEN}"}}]
c.JupyterHub.load_roles = [{{"name": "tests", "services": ["tests"], "scopes": ["admin:users", "read:hub"]}}]
"""
TOGETHER = (
    """
from jwtauthenticator.jwtauthenticator import JSONWebTokenAuthenticator
c.JupyterHub.authenticator_class = JSONWebTokenAuthenticator
c.JSONWebTokenAuthenticator.secret = "SECRET"
c.JSONWebTokenAuthenticator.header_name = "X-Token"
c.JSONWebTokenAuthenticator.allowed_users = {"ada", "mallory"}
c.JSONWebTokenAuthenticator.admin_users = {"ada"}
c.JSONWebTokenAuthenticator.blocked_users = {"mallory"}
c.FirstUseAuthenticator.blocked_users = {"oscar"}
c.NativeAuthenticator.allow_all = True
c.NativeAuthenticator.open_signup = True
c.TmpAuthenticator.allow_all = True
c.TmpAuthenticator.auto_login = False
""".replace("SECRET", SECRET)
    + TESTS
)
REMOTE = (
    """
from jhub_remote_user_authenticator.remote_user_auth import RemoteUserAuthenticator
c.JupyterHub.authenticator_class = RemoteUserAuthenticator
c.RemoteUserAuthenticator.allowed_users = {"ada", "mallory"}
c.RemoteUserAuthenticator.admin_users = {"ada"}
c.RemoteUserAuthenticator.blocked_users = {"mallory"}
async def note(authenticator, handler, model):
    model["groups"] = [handler.request.headers["X-Faculty"]]
    return model
c.RemoteUserAuthenticator.post_auth_hook = note
c.RemoteUserAuthenticator.manage_groups = True
"""
    + TESTS
)
TEMPORARY = "c.TmpAuthenticator.allow_all = True\n" + TESTS


def run(folder, plugins, config):
    with HubProcess(folder, "--plugins", plugins, config=config) as hub:
        yield hub


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    plugins = "native,firstuse,tmp,simple,haproxy"
    yield from run(tmp_path_factory.mktemp("together"), plugins, TOGETHER)


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    yield from run(tmp_path_factory.mktemp("remote"), "jupyterhub,simple,haproxy", REMOTE)


def is_known(hub, name):
    return ApiClient(hub.url, TOKEN)("GET", f"/users/{name}").status == HTTPStatus.OK


def test_the_login_page_has_a_button_for_each_authenticator_with_a_login_page(hub):
    page = Visitor("any").get(f"{hub.url}hub/login?next=/hub/token").text
    found = re.findall(r'href="(/hub/(?:login|tmplogin)[^"]*next[^"]*)"', page)
    names = ("login/native", "login/firstuse", "tmplogin", "login/JSONWebTokenAuthenticator")
    assert sorted(found) == sorted(f"/hub/{name}?next=%2Fhub%2Ftoken" for name in names)
    assert 'type="password"' not in page


def test_each_login_page_logs_in_with_its_own_authenticator(hub):
    cora = Visitor("cora")
    word = {"signup_password": "any", "signup_password_confirmation": "any"}
    cora.submit(f"{hub.url}hub/signup", username="cora", **word)
    cora.submit(f"{hub.url}hub/login/native?next=/hub/token", username="cora", password="any")
    assert (cora.url, cora.is_logged_in) == (f"{hub.url}hub/token", True)
    other = Visitor("cora")
    assert other.submit(f"{hub.url}hub/login/native", username="cora", password="wrong").status_code < 400
    assert not other.is_logged_in


def test_a_user_of_one_authenticator_cannot_be_claimed_with_the_page_of_another(hub):
    mallory = Visitor("mallory")
    fields = {"username": "ada", "password": "the password of mallory"}
    page = mallory.submit(f"{hub.url}hub/login/firstuse", **fields)
    assert page.status_code == HTTPStatus.FORBIDDEN
    assert "reserved for a user who logs in with JSONWebTokenAuthenticator" in page.text
    word = {"signup_password": "any", "signup_password_confirmation": "any"}
    mallory.submit(f"{hub.url}hub/signup", username="ada", **word)
    mallory.submit(f"{hub.url}hub/login/native", username="ada", password="any")
    assert not mallory.is_logged_in


def test_the_first_password_of_a_user_is_kept_until_it_is_changed(hub):
    page = f"{hub.url}hub/login/firstuse"

    def log_in(password, name="bob"):
        visitor = Visitor(name)
        answer = visitor.submit(f"{page}?next=/hub/token", username=name, password=password)
        return visitor, answer

    _, refused = log_in("short")
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert "choose a password at least 7 characters long" in refused.text
    bob, answer = log_in("the first password")
    assert (bob.url, answer.status_code) == (f"{hub.url}hub/token", HTTPStatus.OK)
    other, refused = log_in("another password")
    assert (refused.status_code, other.is_logged_in) == (HTTPStatus.FORBIDDEN, False)
    assert "Invalid username or password" in refused.text
    change = f"{hub.url}hub/auth/change-password"
    assert bob.post(change, password="forged password").status_code == HTTPStatus.FORBIDDEN
    assert "changed successfully" in bob.submit(change, password="the second password").text
    logins = [log_in(f"the {word} password")[0].is_logged_in for word in ("first", "second")]
    assert logins == [False, True]
    blocked, refused = log_in("any password", "oscar")
    assert not blocked.is_logged_in
    assert "this account is blocked" in refused.text
    assert not is_known(hub, "oscar")


def test_a_form_of_another_site_cannot_set_a_first_password(hub):
    visitor = Visitor("dan")
    fields = {"username": "dan", "password": "the password of mallory"}
    assert visitor.post(f"{hub.url}hub/login/firstuse", **fields).status_code == HTTPStatus.FORBIDDEN
    visitor.submit(f"{hub.url}hub/login", **fields)  # the hub's own form
    assert not visitor.is_logged_in
    visitor.submit(f"{hub.url}hub/login/firstuse", **fields | {"password": "the password of dan"})
    assert visitor.is_logged_in


def token(**claims):
    return jwt.encode({"upn": "ada@campus.example", "exp": time.time() + 60, **claims}, SECRET)


def test_a_signed_token_logs_in_a_user_whom_the_settings_allow(hub):
    ada = Visitor("ada")
    page = f"{hub.url}hub/login/JSONWebTokenAuthenticator"
    given = token()
    ada.get(f"{page}?next=/hub/token&access_token={given}")
    assert (ada.url, ada.is_logged_in) == (f"{hub.url}hub/token", True)
    assert given[:40] not in hub.output
    assert ApiClient(hub.url, TOKEN)("GET", "/users/ada").body["admin"]
    by_header = Visitor("ada")
    by_header.get(page, **{"X-Token": f"bearer {token()}"})
    assert by_header.is_logged_in


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (lambda: token(upn="mallory"), HTTPStatus.FORBIDDEN),
        (lambda: token(upn="nobody"), HTTPStatus.FORBIDDEN),
        (lambda: token(exp=time.time() - 60), HTTPStatus.INTERNAL_SERVER_ERROR),
        (lambda: jwt.encode({"upn": "ada"}, "guessed"), HTTPStatus.INTERNAL_SERVER_ERROR),
        (str, HTTPStatus.UNAUTHORIZED),
    ],
    ids=["blocked", "not-allowed", "expired", "forged", "missing"],
)
def test_other_tokens_are_refused(hub, given, status):
    visitor = Visitor("ada")
    page = f"{hub.url}hub/login/JSONWebTokenAuthenticator"
    assert visitor.get(f"{page}?access_token={given()}").status_code == status
    assert not visitor.is_logged_in
    assert not is_known(hub, "nobody")


@pytest.mark.parametrize(
    "site", ["https://evil.example/", "//evil.example", "/\\evil.example", "%20//evil.example"]
)
def test_a_token_does_not_lead_to_another_site(hub, site):
    page = f"{hub.url}hub/login/JSONWebTokenAuthenticator"
    answer = requests.get(f"{page}?next={site}&access_token={token()}", allow_redirects=False)
    assert answer.headers["Location"].startswith("/hub/")


def test_each_temporary_login_is_another_user(hub):
    names = set()
    for _ in range(2):
        visitor = Visitor("anyone")
        page = visitor.get(f"{hub.url}hub/tmplogin?next=/hub/token").text
        assert visitor.url == f"{hub.url}hub/token"
        names.add(re.search(r'"user": "([0-9a-f-]{36})"', page)[1])
    assert len(names) == 2


def test_temporary_users_alone_need_no_click(tmp_path):
    with HubProcess(tmp_path, "--plugins", "tmp,simple,haproxy", config=TEMPORARY) as hub:
        visitor = Visitor("anyone")
        visitor.get(f"{hub.url}hub/token")
        assert (visitor.url, visitor.is_logged_in) == (f"{hub.url}hub/token", True)


def remote_user(hub, name, path="hub/token"):
    visitor = Visitor(name)
    answer = visitor.get(f"{hub.url}{path}", REMOTE_USER=name, **{"X-Faculty": "physics"})
    return visitor, answer


def test_the_user_of_the_front_server_is_logged_in(remote):
    ada, answer = remote_user(remote, "Ada")
    assert (ada.url, answer.status_code, ada.is_logged_in) == (f"{remote.url}hub/token", HTTPStatus.OK, True)
    found = ApiClient(remote.url, TOKEN)("GET", "/users/ada").body
    assert (found["admin"], found["groups"]) == (True, ["physics"])
    home, answer = remote_user(remote, "ada", "hub/login")
    assert (home.url, answer.status_code) == (f"{remote.url}hub/home", HTTPStatus.OK)


@pytest.mark.parametrize("name", ["mallory", "nobody", "a/b", ""])
def test_a_user_of_the_front_server_whom_no_setting_allows_is_refused(remote, name):
    visitor, answer = remote_user(remote, name)
    assert answer.status_code == (HTTPStatus.FORBIDDEN if name else HTTPStatus.UNAUTHORIZED)
    assert not visitor.is_logged_in
    assert "Location" not in answer.headers
    assert not is_known(remote, "nobody")


def test_the_audit_trail_has_the_refused_logins(remote):
    remote_user(remote, "someone")
    assert "login of 'someone' from 127.0.0.1 refused: RemoteUserAuthenticator" in remote.stderr
