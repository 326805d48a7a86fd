"""The commands that pages show one by one: each is typed as written, in the folder of a running hub."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plughub.testing.client import client_of
from plughub.testing.conditions import wait_for
from plughub.testing.documents import blocks_of
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port
from plughub.testing.quick import starts

ROOT = Path(__file__).resolve().parents[3]
ADMINISTRATION = ROOT / "docs" / "administration"
CONFIG = f"""
c.JupyterHub.plugins = ["simple", "dummy", "onetime", "haproxy"]
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"ada"}}
c.Spawner.cmd = [{sys.executable!r}, "-m", "plughub.testing.socket_server"]
"""
OF_A_HUB = [
    ("audit.md", "audit", r'"kind": ?"spawn-requested"'),
    ("backup.md", "copy", r"^$"),
    ("health.md", "announcement", r"Maintenance on Friday at 18:00"),
    ("install.md", "check", r"the configuration is valid"),
    ("live-updates.md", "announced-stop", r"^$"),
    ("logs.md", "logs", r'"lines": ?\['),
    ("several-hubs.md", "forget", r'"status": ?409'),  # this server can be stopped
    ("usage.md", "usage", r'"by": ?"group"'),
    ("usage.md", "runs", r"^$"),
    ("logins.md", "link", r"/hub/login/onetime\?token="),
    ("logins.md", "sessions", r"^$"),
]


def typed(page, name, folder, instead=(), env=()):
    """Run a block of a page, and return its output."""
    text = blocks_of(page)[name]
    for old, new in dict(instead).items():
        text = text.replace(old, new)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", text],
        cwd=folder,
        env={**os.environ, "PATH": path, **dict(env)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, text + done.stdout + done.stderr
    return done.stdout


@starts
def tried(command, folder):
    """Start a hub, stop it when it is running, and return its output."""
    output = folder / "output"
    with output.open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        wait_for(lambda: "running at" in output.read_text() or process.poll() is not None, 60)
    finally:
        process.terminate()
        assert process.wait(60) == 0, output.read_text()
    return output.read_text()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub in which Ada has a server."""
    with HubProcess(tmp_path_factory.mktemp("hub"), config=CONFIG) as hub:
        FormClient(hub.url).log_in("ada", to="/hub/home")
        call = client_of(hub, "ada")
        assert call("POST", "/users/ada/server").status in {201, 202}
        call.until("/users/ada", lambda user: user["server"])
        yield hub


@pytest.mark.parametrize(("page", "name", "expected"), OF_A_HUB)
def test_a_command_of_the_page_works_while_a_hub_runs(page, name, expected, hub):
    file = next(hub.folder.glob("*config*.py"))
    instead = {
        "http://127.0.0.1:8000/": hub.url,
        "/etc/plughub/jupyterhub_config.py": str(file),
        "2026-03-06T18:00:00Z": (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    token = client_of(hub, "ada")("POST", "/users/ada/tokens", {}).body["token"]
    assert re.search(expected, typed(ADMINISTRATION / page, name, hub.folder, instead, {"TOKEN": token}))
    if name == "copy":
        assert (hub.folder / "backup.sqlite").stat().st_size
    if name == "announced-stop":
        stop = client_of(hub, "ada")("GET", "/users/ada/server/announced-stop").body
        assert "not used since noon" in json.dumps(stop)
    if name == "runs":
        assert (hub.folder / "runs.csv").read_text().startswith("id,user,")


def test_hub_init_writes_what_the_page_says(tmp_path):
    questions, options = blocks_of(ADMINISTRATION / "install.md")["init"].splitlines()
    assert questions == "hub init"  # test_init.py answers its questions
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(options, shell=True, cwd=tmp_path, check=True, env={**os.environ, "PATH": path})
    assert {file.name for file in tmp_path.iterdir()} >= {"jupyterhub_config.py", "plughub.service"}


def test_the_check_before_a_move_works(tmp_path):
    (tmp_path / "jupyterhub_config.py").write_text(CONFIG)
    assert "the configuration is valid" in typed(ROOT / "docs" / "moving.md", "check", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["jupyterhub_config.py"]


def test_a_trial_beside_a_jupyterhub_works(tmp_path):
    command = blocks_of(ROOT / "docs" / "moving.md")["trial"].replace("\\\n", " ")
    hub, _, file, *arguments = command.split()
    assert (hub, file) == ("hub", "trial_config.py")
    (tmp_path / file).write_text(CONFIG)
    port, internal = free_port(), free_port()
    ports = {"http://127.0.0.1:9000": f"http://127.0.0.1:{port}", ":9081": f":{internal}"}
    text = " ".join(arguments)
    for old, new in ports.items():
        assert old in text
        text = text.replace(old, new)
    said = tried([sys.executable, "-m", "plughub", "-f", file, *text.split()], tmp_path)
    assert "running at" in said
    assert {"trial.sqlite", "trial"} <= {path.name for path in tmp_path.iterdir()}
