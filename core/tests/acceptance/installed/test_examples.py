"""The examples in use: installed from wheels, all in one hub, together with our own plugins."""

import base64
import hashlib
import hmac
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import jwt
import psutil
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess

AUDIENCE = "hub.example.org"
PLUGINS = "tinyspawner,simple,classspawner,passwordfile,dummy,jwt,openinghours,audit,haproxy"
CONFIG = """
c.Authenticator.allow_all = True
c.DummyAuthenticator.password = "for everybody"
c.Spawner.cmd = [{singleuser!r}]
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.JupyterHub.plugin_settings = {{
    "passwordfile": {{"file": {passwords!r}}},
    "jwt": {{"audience": {audience!r}, "key_file": {public_key!r}}},
    "openinghours": {{"opens": "00:00", "closes": "00:00", "exempt": ["alice", "bob", "carol"]}},
    "audit": {{"file": "audit.jsonl"}},
}}
"""


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def hub(installed, folder, public_pem) -> Iterator[HubProcess]:
    make = "from plughub_example_passwordfile import line; print(line('alice', 'in wonderland'))"
    passwords = folder / "passwords.txt"
    passwords.write_text(subprocess.check_output([installed.python, "-c", make], text=True, cwd="/"))
    public_key = folder / "signer.pem"
    public_key.write_bytes(public_pem)
    config = CONFIG.format(
        singleuser=installed.singleuser,
        homes=str(folder / "homes" / "{username}"),
        passwords=str(passwords),
        audience=AUDIENCE,
        public_key=str(public_key),
    )
    with HubProcess(
        folder, "--plugins", PLUGINS, config=config, env=installed.env, python=installed.python
    ) as running:
        yield running


class UserBrowser:
    """A user's browser, which reports status, text and path of each page."""

    def __init__(self, hub):
        self.hub = hub
        self.client = FormClient(hub.url)

    def open(self, path, headers=None):
        sent = {"Referer": f"{self.hub.url}hub/home", **(headers or {})}
        request = urllib.request.Request(self.hub.url.rstrip("/") + path, headers=sent)
        try:
            answer = self.client.opener.open(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.read().decode(), urllib.parse.urlsplit(answer.url).path

    def log_in(self, name, password):
        try:
            text = self.client.log_in(name, password, to="/hub/home")
        except urllib.error.HTTPError as error:
            with error:
                return error.status, error.read().decode(), urllib.parse.urlsplit(error.url).path
        return 200, text, urllib.parse.urlsplit(self.client.page_url).path

    def start(self, spawner, user):
        status, text, _ = self.open(f"/hub/spawn?backend={spawner}")
        assert status == 200, text
        return self.facts(user)

    def facts(self, user):
        """Return what the running server reports about itself."""
        ends = time.monotonic() + 60
        while True:
            status, text, path = self.open(f"/user/{user}/facts")
            if status == 200 and path == f"/user/{user}/facts":
                return json.loads(text)
            assert time.monotonic() < ends, (status, path, text, self.hub.output)


def events_of(folder, user):
    lines = (folder / "audit.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["user"] == user]


def wait_for_event(folder, user, kind):
    ends = time.monotonic() + 60
    while kind not in {event["kind"] for event in events_of(folder, user)}:
        assert time.monotonic() < ends, events_of(folder, user)


def wait_for_end(process):
    ends = time.monotonic() + 60
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < ends, process


def stop(hub, installed, user):
    command = [installed.python, "-m", "plughub", "token", user]
    token = subprocess.check_output(command, cwd=hub.folder, env=hub.env, text=True).strip()
    request = urllib.request.Request(
        f"{hub.url}hub/api/users/{user}/server", method="DELETE", headers={"Authorization": f"token {token}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status in {202, 204}


@pytest.fixture
def client(hub):
    return UserBrowser(hub)


def test_each_user_logs_in_with_the_authenticator_that_knows_them(hub, folder):
    assert UserBrowser(hub).log_in("alice", "in wonderland")[::2] == (200, "/hub/home")
    assert UserBrowser(hub).log_in("bob", "for everybody")[::2] == (200, "/hub/home")
    wait_for_event(folder, "bob", "login")
    plugins = {name: events_of(folder, name)[0]["detail"]["plugin"] for name in ("alice", "bob")}
    assert plugins == {"alice": "passwordfile", "bob": "dummy"}


def test_a_wrong_password_is_refused_by_both(hub, client, folder):
    status, text, path = client.log_in("alice", "wrong")
    assert (status, path) == (403, "/hub/login")
    assert "Invalid" in text
    wait_for_event(folder, "alice", "login-refused")


def test_the_name_of_one_authenticator_is_refused_to_the_other(hub, client):
    assert UserBrowser(hub).log_in("alice", "in wonderland")[0] == 200
    status, _, path = client.log_in("alice", "for everybody")
    assert (status, path) == (403, "/hub/login")


def test_the_page_offers_all_spawners(hub, client):
    client.log_in("alice", "in wonderland")
    _, text, _ = client.open("/hub/spawn")
    assert all(f'data-spawner="{name}"' in text for name in ("tinyspawner", "simple", "classspawner"))


@pytest.mark.parametrize(
    ("spawner", "user", "password"),
    [
        ("tinyspawner", "alice", "in wonderland"),
        ("simple", "bob", "for everybody"),
        ("classspawner", "carol", "for everybody"),
    ],
)
def test_each_spawner_starts_and_stops_servers_of_its_own(
    hub, folder, installed, client, spawner, user, password
):
    client.log_in(user, password)
    facts = client.start(spawner, user)
    assert facts["user"] == user
    process = psutil.Process(facts["pid"])
    assert process.environ()["PLUGHUB_SERVER"] == f"{user}/"
    home = folder / "homes" / user
    assert process.cwd() == str(home if spawner == "simple" else folder)
    stop(hub, installed, user)
    wait_for_end(process)
    wait_for_event(folder, user, "stop")
    kinds = [event["kind"] for event in events_of(folder, user)]
    assert kinds.index("login") < kinds.index("spawn-requested") < kinds.index("spawn") < kinds.index("stop")


def test_two_spawners_run_servers_at_the_same_time(hub, installed):
    alice, bob = UserBrowser(hub), UserBrowser(hub)
    alice.log_in("alice", "in wonderland")
    bob.log_in("bob", "for everybody")
    first, second = alice.start("tinyspawner", "alice"), bob.start("simple", "bob")
    assert first["pid"] != second["pid"]
    stop(hub, installed, "alice")
    assert bob.facts("bob")["pid"] == second["pid"]
    stop(hub, installed, "bob")


def test_a_start_is_refused_with_the_reason_of_the_veto(hub, client):
    client.log_in("dave", "for everybody")
    status, text, _ = client.open("/hub/spawn?backend=tinyspawner")
    assert status == 403
    assert "Servers start between 00:00 and 00:00 (UTC)." in text


def test_a_signed_token_authenticates_its_user(key, client):
    client.log_in("alice", "in wonderland")
    status, answer = ask(client, jwt.encode(claims(), key, "RS256"))
    assert (status, answer["name"]) == (200, "alice")


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "another-client"},
        {"aud": None},
        pytest.param({"exp": int(time.time()) - 60}, id="a minute too old"),
        {"exp": None},
        {"sub": None},
        {"sub": "nobody-of-this-hub"},
    ],
    ids=str,
)
def test_a_token_with_another_audience_without_expiry_or_expired_is_refused(key, client, change):
    changed = {name: value for name, value in {**claims(), **change}.items() if value is not None}
    assert ask(client, jwt.encode(changed, key, "RS256"))[0] == 403


def test_an_unsigned_token_is_refused(client):
    assert ask(client, jwt.encode(claims(), None, "none"))[0] == 403


def test_a_token_signed_with_another_key_is_refused(client):
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert ask(client, jwt.encode(claims(), stranger, "RS256"))[0] == 403


def test_a_token_signed_with_the_public_key_as_shared_secret_is_refused(client, public_pem):
    parts = [{"alg": "HS256", "typ": "JWT"}, claims()]
    signed = b".".join(packed(json.dumps(part).encode()) for part in parts)
    digest = hmac.new(public_pem, signed, hashlib.sha256).digest()
    assert ask(client, (signed + b"." + packed(digest)).decode())[0] == 403


def test_a_token_is_limited_to_its_scope(key, client):
    client.log_in("alice", "in wonderland")
    token = jwt.encode(claims() | {"scope": "read:users:name!user"}, key, "RS256")
    status, answer = ask(client, token)
    assert (status, answer["name"]) == (200, "alice")
    assert "server" not in answer
    assert ask(client, token, "/hub/api/users/alice/tokens")[0] == 403
    assert ask(
        client, jwt.encode(claims() | {"scope": "admin-ui list:users"}, key, "RS256"), "/hub/api/users/bob"
    )[0] in {403, 404}


def claims():
    return {"sub": "alice", "aud": AUDIENCE, "exp": int(time.time()) + 60, "scope": "inherit"}


def ask(client, token, path="/hub/api/user"):
    status, text, _ = client.open(path, headers={"Authorization": f"Bearer {token}"})
    return status, json.loads(text)


def packed(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")
