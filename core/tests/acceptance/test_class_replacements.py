"""Classes of an administrator replace plugins in a running hub: nothing bypasses them, and nothing is
lost.
"""

import json
import urllib.request

import pytest

from plughub.testing.client import ApiClient
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess
from plughub.testing.probe_server import PROBE_SERVER

pytestmark = pytest.mark.timeout(180)
RULES = """
from pathlib import Path

from plughub_dummy.dummy import DummyAuthenticator
from plughub_localprocess.simple_spawner import SimpleLocalProcessSpawner


class Strict(DummyAuthenticator):
    async def authenticate(self, handler, data):
        if data["username"] == "mallory":
            return None
        return await super().authenticate(handler, data)


class Limited(SimpleLocalProcessSpawner):
    def get_env(self):
        return {**super().get_env(), "LIMITED": "yes"}

    async def stop(self, now=False):
        with Path("stops.txt").open("a") as stops:
            stops.write(f"{self.user.name}\\n")
        await super().stop(now)
"""
PLAIN = f"""
import sys
sys.path.insert(0, ".")
c.Authenticator.allow_all = True
c.JupyterHub.cleanup_servers = False
c.Spawner.cmd = {list(PROBE_SERVER)!r}
c.SimpleLocalProcessSpawner.home_dir_template = "homes/{{username}}"
"""
REPLACEMENTS = """
c.JupyterHub.authenticator_class = "site_rules.Strict"
c.JupyterHub.spawner_class = "site_rules.Limited"
"""
NAMED = "simple,dummy,haproxy"


@pytest.fixture
def start(tmp_path):
    """Start a hub in a folder in which another one has run."""
    (tmp_path / "site_rules.py").write_text(RULES)
    hubs = []

    def start(plugins, config):
        for before in hubs:
            before.stop()
        ports = (
            (f"--JupyterHub.{name}={getattr(hubs[0], name)}" for name in ("port", "hub_port")) if hubs else ()
        )
        hubs.append(HubProcess(tmp_path, *ports, "--plugins", plugins, config=config, name=f"hub{len(hubs)}"))
        return hubs[-1].start()

    yield start
    for hub in hubs:
        hub.end_everything()


def token_of(hub, name):
    auth = {"auth": {"username": name, "password": "any"}}
    made = ApiClient(hub.url, "")("POST", f"/users/{name}/tokens", auth)
    return made.body["token"] if made.status == 201 else ""


def environment_of(hub, name):
    with urllib.request.urlopen(f"{hub.url}user/{name}/") as answer:
        return json.loads(answer.read())["environment"]


def spawn_page(hub, name):
    client = FormClient(hub.url)
    client.log_in(name)
    return client.get(f"hub/spawn/{name}")


def test_accounts_and_running_servers_pass_to_the_classes_and_nothing_bypasses_them(start, tmp_path):
    hub = start(NAMED, PLAIN)
    alice = ApiClient(hub.url, token_of(hub, "alice"))
    assert token_of(hub, "mallory")
    assert alice("POST", "/users/alice/server").status == 201
    before = alice("GET", "/users/alice").body

    hub = start(NAMED, PLAIN + REPLACEMENTS)
    assert token_of(hub, "mallory") == ""
    alice = ApiClient(hub.url, token_of(hub, "alice"))
    after = alice.until("/users/alice", lambda model: model["servers"][""]["ready"])
    assert (after["created"], after["servers"][""]["started"]) == (
        before["created"],
        before["servers"][""]["started"],
    )
    assert "LIMITED" not in environment_of(hub, "alice"), "it is the server of before"
    assert alice("DELETE", "/users/alice/server").status == 204
    assert (tmp_path / "stops.txt").read_text() == "alice\n"

    wanted = {"user_options": {}, "backend": "simple"}
    assert alice("POST", "/users/alice/server", wanted).status == 201
    assert environment_of(hub, "alice")["LIMITED"] == "yes"
    assert alice("DELETE", "/users/alice/server").status == 204
    assert "backend=" not in spawn_page(hub, "alice"), "there is nothing to choose"


def test_servers_and_accounts_stored_under_the_names_of_the_classes_are_found_again(start, tmp_path):
    hub = start("haproxy", PLAIN + REPLACEMENTS)
    alice = ApiClient(hub.url, token_of(hub, "alice"))
    assert alice("POST", "/users/alice/server").status == 201
    before = alice("GET", "/users/alice").body

    hub = start(NAMED, PLAIN + REPLACEMENTS)
    alice = ApiClient(hub.url, token_of(hub, "alice"))
    after = alice.until("/users/alice", lambda model: model["servers"][""]["ready"])
    assert after["servers"][""]["started"] == before["servers"][""]["started"]
    assert alice("DELETE", "/users/alice/server").status == 204
    assert (tmp_path / "stops.txt").read_text() == "alice\n"
    assert token_of(hub, "mallory") == ""


def test_two_subclasses_of_one_plugin_prevent_the_start_with_one_message(tmp_path):
    (tmp_path / "site_rules.py").write_text(
        "from plughub_localprocess.spawner import LocalProcessSpawner\nclass Mine(LocalProcessSpawner): ...\n"
    )
    config = PLAIN + 'c.JupyterHub.spawner_class = "site_rules.Mine"\n'
    hub = HubProcess(tmp_path, "--plugins", "localprocess,simple,dummy,haproxy", config=config)
    assert hub.run() == 2
    assert "spawner_class = Mine and plugin 'simple' both inherit from plugin 'localprocess'" in hub.stderr
    assert "Traceback" not in hub.stderr
