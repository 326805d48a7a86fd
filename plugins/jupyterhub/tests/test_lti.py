"""Launches by learning platforms with ltiauthenticator, unmodified: LTI 1.1 and LTI 1.3."""

from __future__ import annotations

import json
import secrets
import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from oauthlib.oauth1 import SIGNATURE_TYPE_BODY, Client

from plughub.testing.hub import HubProcess

from .conftest import Visitor

pytestmark = pytest.mark.timeout(120)
CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LTI11 = """
from ltiauthenticator.lti11.auth import LTI11Authenticator
c.JupyterHub.authenticator_class = LTI11Authenticator
c.LTI11Authenticator.consumers = {"campus": "the secret of the campus"}
c.LTI11Authenticator.username_key = "user_id"
c.LTI11Authenticator.allowed_users = {"ada", "mallory"}
c.LTI11Authenticator.blocked_users = {"mallory"}
c.JupyterHub.redirect_to_server = False
"""
LTI13 = """
from ltiauthenticator.lti13.auth import LTI13Authenticator
c.JupyterHub.authenticator_class = LTI13Authenticator
c.LTI13Authenticator.issuer = "https://campus.example"
c.LTI13Authenticator.authorize_url = "https://campus.example/authorize"
c.LTI13Authenticator.client_id = ["hub-on-campus"]
c.LTI13Authenticator.jwks_endpoint = "JWKS"
c.LTI13LaunchValidator.time_leeway = 1
c.JupyterHub.tornado_settings = {"cookie_options": {"SameSite": "Strict"}}
c.DummyAuthenticator.password = "the password of bob"
c.DummyAuthenticator.allowed_users = {"bob"}
c.LTI13Authenticator.allowed_users = {"ada", "mallory"}
c.LTI13Authenticator.blocked_users = {"mallory"}
c.JupyterHub.redirect_to_server = False
"""


class Platform:
    """Learning platform with a key, whose public part it serves."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        keys = json.dumps({"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]}).encode()

        class KeySet(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(HTTPStatus.OK)
                self.end_headers()
                self.wfile.write(keys)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), KeySet)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"

    @contextmanager
    def running(self):
        """Serve the keys."""
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join()

    def sign(self, asked, key=None, **changes):
        """Return the signed launch that the hub has asked for."""
        now = int(time.time())
        claims = {
            "iss": "https://campus.example",
            "aud": "hub-on-campus",
            "sub": "17",
            "email": "ada",
            "iat": now,
            "exp": now + 60,
            "nonce": asked["nonce"],
            f"{CLAIM}version": "1.3.0",
            f"{CLAIM}message_type": "LtiResourceLinkRequest",
            f"{CLAIM}deployment_id": "1",
            f"{CLAIM}target_link_uri": "https://hub.example/hub",
            f"{CLAIM}roles": [],
            f"{CLAIM}resource_link": {"id": "1"},
            **changes,
        }
        return jwt.encode(claims, key or self.key, algorithm="RS256", headers={"kid": "one"})


@pytest.fixture(scope="module")
def platform():
    with Platform().running() as platform:
        yield platform


@pytest.fixture(scope="module")
def hub(platform, tmp_path_factory):
    folder, config = tmp_path_factory.mktemp("lti13"), LTI13.replace("JWKS", platform.url)
    with HubProcess(folder, "--plugins", "jupyterhub,dummy,simple,haproxy", config=config) as hub:
        yield hub


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    with HubProcess(
        tmp_path_factory.mktemp("lti11"), "--plugins", "jupyterhub,simple,haproxy", config=LTI11
    ) as hub:
        yield hub


def begin(hub, visitor):
    """Begin a launch, and return what the hub asks the platform for."""
    started = visitor.session.post(
        f"{hub.url}hub/lti13/oauth_login",
        {
            "iss": "https://campus.example",
            "login_hint": "17",
            "client_id": "hub-on-campus",
            "target_link_uri": f"{hub.url}hub/token",
        },
        allow_redirects=False,
    )
    assert started.status_code == HTTPStatus.FOUND
    assert "SameSite=Strict" in started.headers["Set-Cookie"]
    address = urlsplit(started.headers["Location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == "https://campus.example/authorize"
    return {name: values[0] for name, values in parse_qs(address.query).items()}


def launch(hub, visitor, state, token):
    return visitor.post(f"{hub.url}hub/lti13/oauth_callback", id_token=token, state=state)


def test_a_launch_that_the_platform_signed_logs_in_and_opens_its_target(hub, platform):
    ada = Visitor("ada")
    asked = begin(hub, ada)
    assert asked["redirect_uri"] == f"{hub.url}hub/lti13/oauth_callback"
    answer = launch(hub, ada, asked["state"], platform.sign(asked))
    assert (ada.url, answer.status_code) == (f"{hub.url}hub/token", HTTPStatus.OK)
    assert '"user": "ada"' in answer.text
    assert "ada logged in through LTI13Authenticator" in hub.stderr


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"key": rsa.generate_private_key(public_exponent=65537, key_size=2048)}, HTTPStatus.BAD_REQUEST),
        ({"exp": int(time.time()) - 60}, HTTPStatus.BAD_REQUEST),
        ({"nonce": "another"}, HTTPStatus.BAD_REQUEST),
        ({"aud": "another"}, HTTPStatus.UNAUTHORIZED),
        ({"iss": "https://evil.example"}, HTTPStatus.BAD_REQUEST),
        ({"email": "mallory"}, HTTPStatus.FORBIDDEN),
        ({"email": "nobody"}, HTTPStatus.FORBIDDEN),
    ],
    ids=["key", "expired", "nonce", "audience", "issuer", "blocked", "not-allowed"],
)
def test_a_launch_that_the_platform_did_not_sign_for_this_hub_is_refused(hub, platform, changes, status):
    visitor = Visitor("ada")
    asked = begin(hub, visitor)
    assert launch(hub, visitor, asked["state"], platform.sign(asked, **changes)).status_code == status
    assert not visitor.is_logged_in


def test_a_launch_of_another_browser_is_refused(hub, platform):
    mallory, ada = Visitor("mallory"), Visitor("ada")
    asked = begin(hub, mallory)
    begin(hub, ada)
    refused = launch(hub, ada, asked["state"], platform.sign(asked))
    assert refused.status_code == HTTPStatus.BAD_REQUEST
    assert not ada.is_logged_in


@pytest.mark.parametrize("fields", [{}, {"username": "ada"}, {"password": "the password of bob"}])
def test_the_form_of_the_hub_cannot_stand_for_a_launch(hub, fields):
    visitor = Visitor("ada")
    given = {"username": "", "password": "", "email": "ada", "sub": "ada", **fields}
    refused = visitor.submit(f"{hub.url}hub/login", **given)
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert not visitor.is_logged_in
    token = visitor.session.post(f"{hub.url}hub/api/users/ada/tokens", json={"auth": given})
    assert token.status_code == HTTPStatus.FORBIDDEN


def sign_launch(hub, secret="the secret of the campus", **changes):
    """Return the fields of a launch, signed as LTI 1.1 does."""
    client = Client(
        "campus",
        secret,
        signature_type=SIGNATURE_TYPE_BODY,
        timestamp=str(changes.pop("timestamp", int(time.time()))),
        nonce=secrets.token_hex(8),
    )
    fields = {
        "lti_message_type": "basic-lti-launch-request",
        "lti_version": "LTI-1p0",
        "resource_link_id": "1",
        "user_id": "ada",
        "custom_next": "/hub/token",
        **changes,
    }
    _, _, body = client.sign(f"{hub.url}hub/lti/launch", "POST", fields, FORM)
    return {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}


def test_a_launch_with_the_secret_of_the_platform_logs_in_once(older):
    ada, again = Visitor("ada"), Visitor("ada")
    fields = sign_launch(older)
    answer = ada.post(f"{older.url}hub/lti/launch", **fields)
    assert (ada.url, answer.status_code) == (f"{older.url}hub/token", HTTPStatus.OK)
    replayed = again.post(f"{older.url}hub/lti/launch", **fields)
    assert replayed.status_code == HTTPStatus.UNAUTHORIZED
    assert not again.is_logged_in
    described = Visitor("lms").get(f"{older.url}hub/lti11/config").text
    assert f"<blti:launch_url>{older.url}hub/lti/launch</blti:launch_url>" in described


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"secret": "guessed"}, HTTPStatus.UNAUTHORIZED),
        ({"timestamp": int(time.time()) - 3600}, HTTPStatus.UNAUTHORIZED),
    ],
)
def test_a_forged_launch_is_refused(older, changes, status):
    visitor = Visitor("ada")
    assert visitor.post(f"{older.url}hub/lti/launch", **sign_launch(older, **changes)).status_code == status
    assert not visitor.is_logged_in


@pytest.mark.parametrize("name", ["mallory", "nobody"])
def test_a_signed_launch_of_a_user_whom_no_setting_allows_logs_nobody_in(older, name):
    visitor = Visitor(name)
    answer = visitor.post(f"{older.url}hub/lti/launch", **sign_launch(older, user_id=name))
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert not visitor.is_logged_in
