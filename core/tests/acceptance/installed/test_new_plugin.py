"""Plugins made by ``hub plugins new`` in an environment that has nothing but wheels."""

import json
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from plughub.testing.client import client_of
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess

PLUGINS = {
    "ours-spawn": ("spawner", "--class"),
    "ours-auth": ("authenticator",),
    "ours-proxy": ("proxy", "--class"),
}
CONFIG = """
import sys
from plughub_ours_auth import hashed
c.Authenticator.allow_all = True
c.JupyterHub.allow_worker_scopes = True
c.Spawner.cmd = [sys.executable, "-m", "plughub.testing.tiny_server"]
c.OursSpawnSpawner.folder = "servers"
c.JupyterHub.plugin_settings = {"ours-auth": {"users": {"ada": hashed("secret")}}}
"""


def run(*command: object, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=cwd, env=env)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def workshop(installed, wheels, tmp_path_factory) -> Path:
    """A folder with three new plugins, which are installed with their test kit."""
    folder = tmp_path_factory.mktemp("workshop")
    for name, (kind, *options) in PLUGINS.items():
        run(installed.python, "-m", "plughub", "plugins", "new", kind, name, *options, cwd=folder)
    offline = ["--quiet", "--no-deps", "--no-build-isolation", "-w", folder / "wheels"]
    run(
        sys.executable, "-m", "pip", "wheel", *offline, *(f"./plughub-{name}" for name in PLUGINS), cwd=folder
    )
    new = sorted((folder / "wheels").glob("*.whl"))
    run(installed.python, "-m", "pip", "install", "--quiet", f"{wheels['core']}[testing]", *new, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def hub(installed, workshop) -> Iterator[HubProcess]:
    plugins = ",".join(PLUGINS)
    with HubProcess(
        workshop / "hub", "--plugins", plugins, config=CONFIG, env=installed.env, python=installed.python
    ) as running:
        yield running


def test_new_plugins_keep_the_contract(installed, workshop):
    for name in PLUGINS:
        said = run(installed.python, "-m", "plughub", "plugins", "check", name, cwd=workshop)
        assert f"plugin '{name}' (plughub-{name} 0.1.0) keeps the contract" in said


def test_the_tests_of_a_new_plugin_pass(installed, workshop):
    said = run(installed.python, "-m", "pytest", "-q", cwd=workshop / "plughub-ours-auth")
    assert " passed" in said


def test_new_plugins_are_listed_with_hooks_settings_and_contract(installed, workshop):
    listed = json.loads(run(installed.python, "-m", "plughub", "plugins", "--json", cwd=workshop))
    rows = {row["name"]: row for row in listed}
    assert rows["ours-spawn"]["hooks"] == ["hub_register_spawner"]
    assert rows["ours-spawn"]["settings"] == ["c.OursSpawnSpawner"]
    assert rows["ours-auth"]["settings"] == ["plugin_settings"]
    assert rows["ours-auth"]["contract"] == "1.0"


def test_a_hub_runs_on_new_plugins_alone(hub):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        FormClient(hub.url).log_in("ada", "wrong")
    browser = FormClient(hub.url)
    browser.log_in("ada", "secret")
    client_of(hub, "ada").until("/users/ada", lambda user: user["servers"].get("", {}).get("ready"))
    assert "ada" in browser.get("user/ada/facts")
