"""oauthenticator's GenericOAuthenticator, unmodified, with a real OpenID Connect provider."""

from __future__ import annotations

import json
import re
from http import HTTPStatus

import pytest

from plughub.testing.client import ApiClient
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port
from plughub.testing.probe_server import PROBE_SERVER

from .conftest import Visitor, provider

pytestmark = [pytest.mark.node, pytest.mark.timeout(180)]

TOKEN = "5d" * 16
GROUPS = {"ada": ["staff", "deans"], "nobody": [], "guest": []}
OAUTH = """
c.JupyterHub.services = [{{"name": "tests", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [
    {{"name": "tests", "services": ["tests"], "scopes": ["admin:users", "admin:servers", "admin:auth_state"]}}
]
c.GenericOAuthenticator.client_id = "hub"
c.GenericOAuthenticator.client_secret = "secret-of-the-hub"
c.GenericOAuthenticator.authorize_url = "{provider}/auth"
c.GenericOAuthenticator.token_url = "{provider}/token"
c.GenericOAuthenticator.userdata_url = "{provider}/me"
c.GenericOAuthenticator.scope = ["openid", "profile"]
c.GenericOAuthenticator.username_claim = "preferred_username"
c.GenericOAuthenticator.allowed_groups = {{"staff", "students"}}
c.GenericOAuthenticator.admin_groups = {{"deans"}}
c.GenericOAuthenticator.auth_state_groups_key = "oauth_user.groups"
c.GenericOAuthenticator.manage_groups = True
c.JupyterHub.redirect_to_server = False
"""
ALONE = """
from oauthenticator.generic import GenericOAuthenticator
from jupyterhub.spawner import SimpleLocalProcessSpawner

class CampusSpawner(SimpleLocalProcessSpawner):
    async def start(self):
        self.environment["STARTED_BY"] = type(self).__name__
        return await super().start()

async def pass_token(spawner, auth_state):
    spawner.environment["ACCESS_TOKEN"] = auth_state["access_token"]

c.JupyterHub.authenticator_class = GenericOAuthenticator
c.JupyterHub.spawner_class = CampusSpawner
c.GenericOAuthenticator.auto_login = True
c.GenericOAuthenticator.enable_auth_state = True
c.GenericOAuthenticator.refresh_pre_spawn = True
c.GenericOAuthenticator.logout_redirect_url = "{provider}/.well-known/openid-configuration"
c.GenericOAuthenticator.blocked_users = {{"mallory"}}
c.GenericOAuthenticator.allow_existing_users = True
c.CryptKeeper.keys = ["{key}"]
c.Spawner.auth_state_hook = pass_token
c.Spawner.cmd = {server!r}
"""
BESIDE = """
c.GenericOAuthenticator.enable_auth_state = True
c.GenericOAuthenticator.auth_refresh_age = 1
c.CryptKeeper.keys = ["{key}"]
c.DummyAuthenticator.allowed_users = {{"bob"}}
c.DummyAuthenticator.password = "the password of bob"
"""


def groups_file(folder):
    """Return the file with the groups, outside the folder of the hub: a process with it as argument is not its own."""
    return folder.with_name(f"groups-of-{folder.name}.json")


def hub_with(folder, plugins, config):
    """Run a hub whose users log in at the provider."""
    port, provider_port = free_port(), free_port()
    redirect_uri = f"http://127.0.0.1:{port}/hub/oauth_callback"
    ports = (f"--JupyterHub.port={port}", f"--JupyterHub.hub_port={free_port()}")
    groups = groups_file(folder)
    groups.write_text(json.dumps(GROUPS))
    with provider(provider_port, redirect_uri, groups) as site:
        text = (config + OAUTH).format(provider=site, key="ab" * 32, token=TOKEN, server=list(PROBE_SERVER))
        with HubProcess(folder, "--plugins", plugins, *ports, config=text) as hub:
            yield hub


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    yield from hub_with(tmp_path_factory.mktemp("alone"), "jupyterhub,simple,haproxy", ALONE)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    yield from hub_with(tmp_path_factory.mktemp("beside"), "generic-oauth,dummy,simple,haproxy", BESIDE)


def api_of(hub):
    return ApiClient(hub.url, TOKEN)


def test_a_user_logs_in_at_the_provider_with_groups_and_returns_to_the_page(hub):
    ada, eve, api = Visitor("ada"), Visitor("eve"), api_of(hub)
    assert "ada" in ada.log_in(f"{hub.url}hub/token").text
    assert ada.url == f"{hub.url}hub/token"
    assert "eve" in eve.log_in(f"{hub.url}hub/home").text
    found = api("GET", "/users/ada").body
    assert (found["admin"], found["groups"]) == (True, ["deans", "staff"])
    found = api("GET", "/users/eve").body
    assert (found["admin"], found["groups"]) == (False, ["students"])


@pytest.mark.parametrize("name", ["mallory", "nobody"])
def test_a_user_who_is_blocked_or_in_no_allowed_group_is_refused(hub, name):
    visitor = Visitor(name)
    refused = visitor.log_in(f"{hub.url}hub/home")
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert "not currently authorized" in refused.text
    assert not visitor.is_logged_in
    assert api_of(hub)("GET", f"/users/{name}").status == HTTPStatus.NOT_FOUND


def test_an_existing_user_may_log_in_until_an_administrator_deletes_the_user(hub):
    api, guest = api_of(hub), Visitor("guest")
    api("POST", "/users/guest")
    assert guest.log_in(f"{hub.url}hub/token").url == f"{hub.url}hub/token"
    assert api("DELETE", "/users/guest").status == HTTPStatus.NO_CONTENT
    again = Visitor("guest")
    assert again.log_in(f"{hub.url}hub/token").status_code == HTTPStatus.FORBIDDEN
    assert api("GET", "/users/guest").status == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("query", ["code=stolen&state=forged", "code=stolen", "error=access_denied"])
def test_a_forged_return_from_the_provider_is_refused(hub, query):
    visitor = Visitor("ada")
    refused = visitor.get(f"{hub.url}hub/oauth_callback?{query}")
    assert refused.status_code == HTTPStatus.BAD_REQUEST
    assert not visitor.is_logged_in


def test_a_server_gets_the_secrets_of_the_login_which_are_stored_encrypted(hub):
    ada, api = Visitor("ada"), api_of(hub)
    ada.log_in(f"{hub.url}hub/home")
    assert api("POST", "/users/ada/server").status in {HTTPStatus.CREATED, HTTPStatus.ACCEPTED}
    wait_for(lambda: api("GET", "/users/ada").body["servers"].get("", {}).get("ready"))
    environment = ada.get(f"{hub.url}user/ada/").json()["environment"]
    assert environment["STARTED_BY"] == "CampusSpawner"
    assert len(environment["ACCESS_TOKEN"]) > 20
    assert environment["ACCESS_TOKEN"].encode() not in (hub.folder / "jupyterhub.sqlite").read_bytes()
    assert environment["ACCESS_TOKEN"] not in hub.output
    assert api("DELETE", "/users/ada/server").status in {HTTPStatus.NO_CONTENT, HTTPStatus.ACCEPTED}
    wait_for(lambda: not api("GET", "/users/ada").body["servers"])


def test_a_logout_ends_the_session_and_leads_to_the_provider(hub):
    eve = Visitor("eve")
    eve.log_in(f"{hub.url}hub/home")
    assert eve.is_logged_in
    answer = eve.get(f"{hub.url}hub/logout", Referer=f"{hub.url}hub/home")
    assert answer.json()["issuer"]
    assert not eve.is_logged_in


def test_a_short_name_beside_another_authenticator_gives_users_the_choice(shared):
    ada, bob, eve = Visitor("ada"), Visitor("bob"), Visitor("eve")
    page = ada.get(f"{shared.url}hub/login?next=/hub/token").text
    assert 'href="/hub/oauth_login?next=%2Fhub%2Ftoken"' in page
    assert 'id="password_input"' in page
    ada.log_in(f"{shared.url}hub/oauth_login?next=%2Fhub%2Ftoken")
    assert ada.url == f"{shared.url}hub/token"
    for visitor, name in ((bob, "bob"), (eve, "eve")):
        token = re.search(r'name="_xsrf" value="([^"]+)"', visitor.get(f"{shared.url}hub/login").text)
        fields = {"username": name, "password": "the password of bob", "_xsrf": token[1]}
        visitor.post(f"{shared.url}hub/login", **fields)
    assert (bob.is_logged_in, eve.is_logged_in) == (True, False)


def set_groups(hub, name, groups):
    """Set the groups of a user at the provider; None deletes the user there."""
    file = groups_file(hub.folder)
    changed = file.with_suffix(".new")
    changed.write_text(json.dumps({**json.loads(file.read_text()), name: groups}))
    changed.rename(file)


def test_a_change_of_groups_arrives_at_the_next_refresh_and_a_deleted_user_logs_in_again(shared):
    max_, api = Visitor("max"), api_of(shared)
    max_.log_in(f"{shared.url}hub/oauth_login?next=%2Fhub%2Ftoken")

    def facts_after_a_visit():
        assert max_.get(f"{shared.url}hub/token").url == f"{shared.url}hub/token"
        found = api("GET", "/users/max").body
        return found["groups"], found["admin"]

    assert facts_after_a_visit() == (["students"], False)
    set_groups(shared, "max", ["staff", "deans"])
    wait_for(lambda: facts_after_a_visit() == (["deans", "staff"], True))
    set_groups(shared, "max", ["staff"])
    wait_for(lambda: facts_after_a_visit() == (["staff"], False))
    set_groups(shared, "max", None)
    wait_for(lambda: "/hub/login" in max_.get(f"{shared.url}hub/token").url)


def test_an_expired_token_is_replaced_with_the_refresh_token(shared):
    user, api = Visitor("brief-bea"), api_of(shared)
    user.log_in(f"{shared.url}hub/oauth_login?next=%2Fhub%2Ftoken")
    before = api("GET", "/users/brief-bea").body["auth_state"]

    def token_after_a_visit():
        assert user.get(f"{shared.url}hub/token").url == f"{shared.url}hub/token"
        return api("GET", "/users/brief-bea").body["auth_state"]["access_token"]

    wait_for(lambda: token_after_a_visit() != before["access_token"])
    assert before["refresh_token"] not in shared.output


def test_groups_are_refreshed_before_a_start_and_a_deleted_user_starts_nothing(hub):
    user, api = Visitor("sam"), api_of(hub)
    user.log_in(f"{hub.url}hub/home")
    set_groups(hub, "sam", ["staff"])
    assert api("POST", "/users/sam/server").status in {HTTPStatus.CREATED, HTTPStatus.ACCEPTED}
    assert api("GET", "/users/sam").body["groups"] == ["staff"]
    wait_for(lambda: api("GET", "/users/sam").body["servers"].get("", {}).get("ready"))
    api("DELETE", "/users/sam/server")
    wait_for(lambda: not api("GET", "/users/sam").body["servers"])
    set_groups(hub, "sam", None)
    refused = user.get(f"{hub.url}hub/spawn")
    assert "/auth?" in refused.url
    assert not api("GET", "/users/sam").body["servers"]
