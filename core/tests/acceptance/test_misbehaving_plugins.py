"""Nine plugins in one hub, four of them generated. Two misbehave: they are named, and affect nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from plughub.kit.generator import new_plugin
from plughub.testing.client import ApiClient, client_of
from plughub.testing.conditions import wait_for
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess

PLUGINS = ("raiser", "simple", "dummy", "quota", "listener", "keys", "board", "hanger", "haproxy")
GENERATED = {"quota": "veto", "listener": "listener", "keys": "token-check", "board": "page"}
RAISER = """
import asyncio
from plughub import hookimpl

def leave():
    raise SystemExit("no callback for me")

@hookimpl
def hub_event(event):
    raise RuntimeError("no event for me")

@hookimpl
async def hub_check_token(token):
    asyncio.get_running_loop().call_soon(leave)
    raise SystemExit("no token for me")

@hookimpl
def hub_authenticate(login):
    return {"not": "an identity"}

@hookimpl
async def hub_inventory(mark):
    raise ValueError("not even a spawner")
"""
HANGER = """
import asyncio, threading
from plughub import hookimpl

@hookimpl
def hub_event(event):
    threading.Event().wait()

@hookimpl
async def hub_check_token(token):
    while True:  # ignores its cancellation once
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            break
"""
CONFIG = f"""
from plughub_keys import hashed
c.Authenticator.allow_all = True
c.Spawner.cmd = [{sys.executable!r}, "-m", "plughub.testing.tiny_server"]
c.SimpleLocalProcessSpawner.home_dir_template = "homes/{{username}}"
c.DummyAuthenticator.allowed_users = {{"bob"}}
c.JupyterHub.load_groups = {{"guests": {{"users": ["bob"]}}}}
c.JupyterHub.plugin_settings = {{
    "quota": {{"refused_groups": ["guests"]}},
    "listener": {{"file": "events.jsonl"}},
    "keys": {{"tokens": {{hashed("the-token-of-alice"): "alice"}}}},
    "board": {{"text": "<b>closed</b> on Friday"}},
}}
"""


def install(name: str, source: Path) -> None:
    """Write the metadata of a distribution beside its module."""
    about = source / f"plughub_{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: plughub-{name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[plughub]\n{name} = plughub_{name}\n")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    folder = tmp_path_factory.mktemp("nine")
    sources = []
    for name, kind in GENERATED.items():
        new_plugin(kind, name, folder / "plugins" / name)
        sources.append(folder / "plugins" / name / "src")
    for name, text in (("raiser", RAISER), ("hanger", HANGER)):
        sources.append(folder / "plugins" / name)
        sources[-1].mkdir()
        (sources[-1] / f"plughub_{name}.py").write_text(text)
    for name, source in zip((*GENERATED, "raiser", "hanger"), sources, strict=True):
        install(name, source)
    env = {"PYTHONPATH": os.pathsep.join(map(str, sources))}
    with HubProcess(folder / "hub", "--plugins", ",".join(PLUGINS), config=CONFIG, env=env) as running:
        yield running


@pytest.fixture(scope="module")
def unknown_token(hub: HubProcess) -> Iterator[threading.Thread]:
    """A request with an unknown token, for which `hanger` uses up its time while the other tests run."""
    answers: list[int] = []
    asking = threading.Thread(
        target=lambda: answers.append(ApiClient(hub.url, "unknown")("GET", "/user").status)
    )
    asking.answers = answers  # type: ignore[attr-defined]
    asking.start()
    yield asking
    asking.join()


@pytest.fixture(autouse=True)
def _meanwhile(unknown_token: threading.Thread) -> None:
    """Let the request hang from the first test on."""


@pytest.fixture(scope="module")
def alice(hub: HubProcess) -> FormClient:
    browser = FormClient(hub.url)
    assert "alice" in browser.log_in("alice", "any")
    return browser


def test_all_nine_are_active(hub):
    assert len(PLUGINS) == 9
    command = [hub.python, "-m", "plughub", "plugins", "--json", "--plugins", ",".join(PLUGINS)]
    listed = json.loads(subprocess.check_output(command, cwd=hub.folder, env=hub.env))
    states = {row["name"]: row["status"] for row in listed}
    assert {states[name] for name in PLUGINS} == {"active"}


def test_a_user_logs_in_and_starts_a_server(hub, alice):
    call = client_of(hub, "alice")
    call.until("/users/alice", lambda user: user["servers"].get("", {}).get("ready"))


def test_the_veto_refuses_a_guest(hub):
    browser = FormClient(hub.url)
    browser.log_in("bob", "any", to="/hub/home")
    answer = client_of(hub, "bob")("POST", "/users/bob/server")
    assert (answer.status, answer.body["message"]) == (403, "Your group may not start servers.")


def test_the_token_of_another_service_is_accepted(hub, alice):
    answer = ApiClient(hub.url, "the-token-of-alice")("GET", "/user")
    assert (answer.status, answer.body["name"]) == (200, "alice")


def test_the_page_is_shown_to_users(hub, alice):
    assert "&lt;b&gt;closed&lt;/b&gt; on Friday" in alice.get("hub/board")
    assert "on Friday" not in FormClient(hub.url).get("hub/board")


def test_the_listener_receives_every_event(hub, alice):
    file = hub.folder / "events.jsonl"

    def kinds() -> set[str]:
        lines = file.read_text().splitlines() if file.exists() else []
        return {json.loads(line)["kind"] for line in lines}

    wait_for(lambda: {"login", "spawn", "spawn-refused"} <= kinds(), 20)


def test_both_are_named_in_the_log(hub, alice, unknown_token):
    unknown_token.join(30)
    assert unknown_token.answers == [403]
    assert "plugin 'raiser' failed in hub_event: no event for me" in hub.stderr
    assert "plugin 'raiser' failed in hub_check_token" in hub.stderr
    assert "no token for me" in hub.stderr
    assert "plugin 'raiser' failed in hub_authenticate" in hub.stderr
    assert "an attempt to end the hub by plugin 'raiser' (" in hub.stderr
    assert "plugin 'hanger' failed in hub_check_token: no answer within 10 s" in hub.stderr
    for other in set(PLUGINS) - {"raiser", "hanger"}:
        assert f"plugin {other!r} failed" not in hub.stderr
