"""MultiAuthenticator, unmodified: a provider and two forms behind one login page."""

from __future__ import annotations

import re
from http import HTTPStatus

import pytest

from plughub.testing.client import ApiClient
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port

from .conftest import Visitor

pytestmark = pytest.mark.timeout(60)

TOKEN = "5d" * 16
CONFIG = f"""
import threading
from jupyterhub.auth import DummyAuthenticator

class Campus(DummyAuthenticator):
    login_service = "Campus"

class Guests(DummyAuthenticator):
    login_service = "Guests"

    async def authenticate(self, handler, data):
        return {{"name": data["username"], "groups": ["guests"], "admin": data["username"] == "root"}}

    async def check_allowed(self, username, auth_model):
        self.log.info("checked on %s", threading.current_thread().name)
        return True

c.JupyterHub.authenticator_class = "multiauthenticator"
c.MultiAuthenticator.authenticators = [
    {{
        "authenticator_class": "github",
        "url_prefix": "/github",
        "config": {{
            "oauth_callback_url": "http://127.0.0.1:PORT/hub/github/oauth_callback",
            "allowed_organizations": {{"lab:core"}},
            "blocked_users": {{"max"}},
        }},
    }},
    {{
        "authenticator_class": Campus,
        "url_prefix": "/campus",
        "config": {{"password": "word of campus", "allowed_users": {{"ada", "bob"}}}},
    }},
    {{
        "authenticator_class": Guests,
        "url_prefix": "/guests",
        "config": {{"manage_groups": True}},
    }},
]
c.JupyterHub.redirect_to_server = False
c.JupyterHub.services = [{{"name": "tests", "api_token": "{TOKEN}"}}]
c.JupyterHub.load_roles = [{{"name": "tests", "services": ["tests"], "scopes": ["admin:users"]}}]
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory, stand_in):
    port = free_port()
    config = stand_in.config() + CONFIG.replace("PORT", str(port))
    ports = (f"--JupyterHub.port={port}", f"--JupyterHub.hub_port={free_port()}")
    with HubProcess(
        tmp_path_factory.mktemp("hub"), "--plugins", "jupyterhub,simple,haproxy", *ports, config=config
    ) as hub:
        yield hub


def submit(hub, page, name, password="any"):
    """Submit the form of a login page, and return the browser and the answer."""
    visitor = Visitor(name)
    text = visitor.get(f"{hub.url}hub/{page}?next=/hub/token").text
    action = re.search(r'<form id="login_form" action="([^"]+)"', text)[1]
    xsrf = re.search(r'name="_xsrf" value="([^"]+)"', text)[1]
    fields = {"username": name, "password": password, "_xsrf": xsrf}
    return visitor, visitor.post(f"{hub.url}{action.lstrip('/')}", **fields)


def test_one_page_leads_to_all_methods_and_has_no_form(hub):
    page = Visitor("ada").get(f"{hub.url}hub/login?next=/hub/token").text
    links = re.findall(r"href='([^']+)'", page)
    pages = ["github/oauth_login", "campus/login", "guests/login"]
    assert links == [f"/hub/{page}?next=%2Fhub%2Ftoken" for page in pages]
    assert "password_input" not in page
    assert "no setting allows" not in hub.stderr


def test_users_of_each_method_keep_its_prefix_and_its_rules(hub):
    api = ApiClient(hub.url, TOKEN)
    ada = Visitor("ada")
    assert ada.log_in_with_code(hub.url, "github/oauth_login").url == f"{hub.url}hub/token"
    for name in ("eve", "max"):
        refused = Visitor(name)
        assert refused.log_in_with_code(hub.url, "github/oauth_login").status_code == HTTPStatus.FORBIDDEN
        assert not refused.is_logged_in
    assert submit(hub, "campus/login", "ada", "word of campus")[1].url == f"{hub.url}hub/token"
    for name, password in (("bob", "wrong"), ("zoe", "word of campus")):
        visitor, answer = submit(hub, "campus/login", name, password)
        assert (visitor.is_logged_in, answer.status_code) == (False, HTTPStatus.FORBIDDEN)
    assert submit(hub, "guests/login", "zoe")[0].is_logged_in
    assert submit(hub, "guests/login", "root")[0].is_logged_in
    found = {user["name"]: (user["admin"], user["groups"]) for user in api("GET", "/users").body}
    assert found == {
        "github:ada": (False, []),
        "campus:ada": (False, []),
        "guests:zoe": (False, ["guests"]),
        "guests:root": (True, ["guests"]),
    }
    assert "checked on plughub-multiauthenticator-loop" in hub.stderr


def test_the_address_of_the_hubs_own_form_logs_nobody_in(hub):
    visitor = Visitor("zoe")
    text = visitor.get(f"{hub.url}hub/campus/login").text
    xsrf = re.search(r'name="_xsrf" value="([^"]+)"', text)[1]
    answer = visitor.post(f"{hub.url}hub/login", username="zoe", password="any", _xsrf=xsrf)
    assert (visitor.is_logged_in, answer.status_code) == (False, HTTPStatus.FORBIDDEN)
