"""Files that ``hub init`` writes: a hub starts with each of them."""

import importlib.metadata
import io
import re
import shutil
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from plughub.app.config_files import load_config
from plughub.cli.site_answers import LOGINS, SERVERS
from plughub.testing.hub import HubProcess

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "compose.md"
BLOCK = re.compile(r"<!-- file: (?P<name>\S+) -->\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINES = ("KillMode=process", "OOMPolicy=continue", "TimeoutStopSec=180", "RestartPreventExitStatus=2")


@pytest.fixture
def answers(monkeypatch):
    """Type answers on a terminal."""

    def give(*lines):
        terminal = io.StringIO("".join(f"{line}\n" for line in lines))
        terminal.isatty = lambda: True
        monkeypatch.setattr(sys, "stdin", terminal)

    return give


NO_ENGINE = "tcp://127.0.0.1:1"
"""Not a missing socket, for which the library of Docker leaves a file open."""


def settings(folder, name="jupyterhub_config.py"):
    return load_config(str(folder / name), {})


@pytest.mark.parametrize("logins", LOGINS)
@pytest.mark.parametrize("servers", SERVERS)
def test_every_combination_is_a_valid_configuration(hub, monkeypatch, logins, servers):
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    assert hub("init", "-y", f"--logins={logins}", f"--servers={servers}", "--machines=one")[0] == 0
    code, said, complaint = hub("check")
    assert code == 0, complaint
    assert "the configuration is valid" in said
    for line in complaint.splitlines():
        # In a clone below /root, no other account can run Python.
        assert "container" in line or "engine" in line or "cannot start servers" in line


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--logins=link", "--servers=local"], marks=pytest.mark.root, id="link-local"),
        pytest.param(["--logins=pam", "--servers=simple"], marks=pytest.mark.root, id="pam-simple"),
        pytest.param(["--logins=github", "--servers=simple"], id="github-simple"),
        pytest.param(
            ["--logins=dummy", "--servers=jupyterhub.spawner.SimpleLocalProcessSpawner"], id="dummy-class"
        ),
        pytest.param(["--machines=many", "--servers=simple"], marks=pytest.mark.postgresql, id="many"),
    ],
)
def test_a_hub_starts_with_the_written_file(hub, tmp_path, request, arguments):
    if "--logins=github" in arguments and find_spec("oauthenticator") is None:
        pytest.skip("oauthenticator is not installed")
    if "--machines=many" in arguments:
        arguments = [*arguments, f"--db={request.getfixturevalue('postgresql').new_database()}"]
    code, _, complaint = hub("init", "-y", *arguments)
    assert code == 0, complaint
    with HubProcess(tmp_path) as running:
        assert running.url
        assert bool(running.login_link) is not any(
            "--logins" in one and "link" not in one for one in arguments
        )


def test_questions_are_asked_for_what_no_option_answers(hub, tmp_path, answers):
    answers("nonsense!", "2", "local", "", "ada, a/b", "ada, bob", "all", "")
    code, said, _ = hub("init", "--port=9000", "--ip=")
    assert code == 0
    assert "Who signs in?" in said
    assert "--logins 'nonsense!' is not one of link, pam, dummy" in said
    assert "the username contains a slash or a control character: 'a/b'\n" in said
    assert f"written: {tmp_path}/jupyterhub_config.py" in said
    config = settings(tmp_path)
    assert config.JupyterHub.plugins == ["pam", "localprocess", "haproxy"]
    assert (config.JupyterHub.port, config.JupyterHub.ip) == (9000, "")
    assert config.Authenticator.admin_users == {"ada", "bob"}
    assert config.Authenticator.allow_all is True
    assert stat.S_IMODE((tmp_path / "jupyterhub_config.py").stat().st_mode) == 0o600


def test_without_a_terminal_a_missing_answer_is_named(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    code, said, complaint = hub("init", "--logins=link")
    assert (code, said) == (2, "")
    assert complaint.startswith("hub: --servers is missing, and there is no terminal to ask on")
    assert "-y for the defaults" in complaint
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_conversation_writes_nothing(hub, tmp_path, answers):
    answers("link")
    assert hub("init")[0] == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("existing", ["jupyterhub_config.py", "plughub.service"])
def test_an_existing_file_is_never_replaced(hub, tmp_path, existing):
    (tmp_path / existing).write_text("mine")
    code, said, complaint = hub("init", "-y", "--service=systemd")
    assert (code, said) == (2, "")
    assert complaint.startswith(f"hub: the file exists: {tmp_path / existing}\n")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(existing, "mine")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--admins=a/b"], "the username"),
        (["--logins=no such"], "--logins 'no such' is not one of"),
        (["--logins='); import os"], "is not one of"),
    ],
)
def test_an_invalid_answer_writes_nothing(hub, tmp_path, arguments, words):
    code, _, complaint = hub("init", "-y", *arguments)
    assert code == 2
    assert words in complaint
    assert list(tmp_path.iterdir()) == []


def test_any_installed_plugin_is_an_answer(hub, tmp_path):
    assert hub("init", "-y", "--logins=shared-password", "--servers=simple", "--admins=ada")[0] == 0
    config = settings(tmp_path)
    assert config.JupyterHub.plugins == ["shared-password", "simple", "haproxy"]
    assert "authenticator_class" not in config.JupyterHub


def test_a_missing_plugin_is_named_before_anything_is_written(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: ())
    code, _, complaint = hub("init", "-y", "--servers=docker")
    assert code == 2
    assert "plugin 'docker' is not installed" in complaint
    assert "pip install plughub-docker" in complaint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.root
def test_root_who_cannot_log_in_is_no_administrator(hub, tmp_path, monkeypatch):
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert hub("init", "-y", "--logins=pam")[0] == 0
    assert settings(tmp_path).Authenticator.admin_users == set()


def test_texts_of_the_answers_are_data_in_the_file(hub, tmp_path):
    odd = 'postgresql://hub:it\'s%20"odd"\\@db/hub'
    assert hub("init", "-y", "--machines=many", f"--db={odd}", "--admins=o'neil", "-f", "lab.py")[0] == 0
    config = settings(tmp_path, "lab.py")
    assert config.JupyterHub.db_url == odd
    assert config.Authenticator.admin_users == {"o'neil"}


def test_a_hub_in_a_container_gets_the_files_of_the_guide(hub, tmp_path):
    code, said, complaint = hub("init", "-y", "--servers=docker", "--service=compose", "--admins=ada")
    assert code == 0, complaint
    guide = {found["name"]: found["text"] for found in BLOCK.finditer(GUIDE.read_text())}
    assert (tmp_path / "compose.yaml").read_text() == guide["compose.yaml"]
    assert (tmp_path / "Dockerfile").read_text() == guide["Dockerfile"]
    (tmp_path / "guide.py").write_text(guide["jupyterhub_config.py"])
    written, of_guide = settings(tmp_path), settings(tmp_path, "guide.py")
    assert {name: {**values} for name, values in of_guide.items()} == {
        name: {key: written[name].get(key) for key in values} for name, values in of_guide.items()
    }
    assert "  docker compose up --build --detach\n  docker compose exec hub hub link NAME\n" in said


@pytest.mark.parametrize("arguments", [["--servers=simple"], ["--servers=docker", "--logins=pam"]])
def test_a_hub_in_a_container_cannot_use_accounts_and_processes_of_the_machine(hub, tmp_path, arguments):
    code, _, complaint = hub("init", "-y", "--service=compose", *arguments)
    assert code == 2
    assert "a hub in a container cannot use" in complaint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", ["lab", 'our $lab\'s 100% \\ "hub"'])
def test_systemd_accepts_the_unit_which_lets_servers_outlive_a_restart(hub, tmp_path, monkeypatch, name):
    (folder := tmp_path / name).mkdir()
    monkeypatch.chdir(folder)
    code, said, complaint = hub("init", "-y", "--service=systemd")
    assert code == 0, complaint
    unit = Path(shutil.copy(folder / "plughub.service", tmp_path))
    assert set(LINES) <= set(unit.read_text().splitlines())
    assert f"WorkingDirectory={folder}\n".replace("%", "%%") in unit.read_text()
    assert "sudo systemctl enable --now plughub" in said
    assert settings(folder).JupyterHub.cleanup_servers is False
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
