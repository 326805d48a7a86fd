"""Failed starts: users read the reason, and the log also has paths, settings and commands."""

import re
import socket
import subprocess
import sys

import pytest

from plughub.testing.client import client_of
from plughub.testing.hub import HubProcess

ELSEWHERE = (
    "import http.server as h; h.HTTPServer(('127.0.0.1', 0), h.BaseHTTPRequestHandler).serve_forever()"
)
SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def start(tmp_path):
    """Start a server of a hub with some settings, and return what the user reads."""

    def go(config, user="alice", plugins="simple,dummy"):
        config += "c.JupyterHub.tornado_settings = {'slow_spawn_timeout': 30}\n"
        with HubProcess(tmp_path, "--plugins", plugins, config=config) as hub:
            call = client_of(hub, user)
            reply = call("POST", f"/users/{user}/server", {})
            model = call("GET", f"/users/{user}").body
            assert model["pending"] is None
            assert model["servers"] == {}
            go.log = hub.stderr  # type: ignore[attr-defined]
        message = reply.body["message"]
        assert not re.search(
            r"(?<![:/\w])/(?!user/)\w|Errno|Error\b|[A-Z]\w+\.[a-z]|useradd|pip ", message
        ), message
        if reference := re.search(r"can find details by reference ([0-9a-f]{8})\.$", message):
            assert f"start of {user}/ ({reference[1]}) failed" in go.log  # type: ignore[attr-defined]
        return reply

    return go


def python(code):
    return f"c.Spawner.cmd = {[sys.executable, '-c', code]!r}\n"


def test_a_command_that_does_not_exist_is_named(start):
    reply = start("c.Spawner.cmd = ['/no/such/command']\n")
    assert reply.status >= 400
    assert "the command of the server cannot be run" in reply.body["message"]
    assert "command not found: '/no/such/command' (Spawner.cmd)" in start.log
    assert reply.seconds < 5


def test_a_server_that_exits_at_once_is_reported_with_its_code_and_log(start):
    reply = start(python("import sys; print('no space left', file=sys.stderr); sys.exit(7)"))
    assert reply.status == 500
    assert "exit code 7" in reply.body["message"]
    assert "no space left" in str(reply.body)
    assert reply.seconds < 5


def test_a_server_that_is_killed_is_reported_with_the_signal(start):
    reply = start(python("import os; os.kill(os.getpid(), 9)"))
    assert "SIGKILL" in reply.body["message"]
    assert reply.seconds < 5


def test_a_server_that_never_listens_times_out_and_is_reported(start):
    reply = start(python(SLEEP) + "c.Spawner.http_timeout = 1\n")
    assert "did not answer" in reply.body["message"]
    assert "does not listen on any port" in reply.body["message"]


def test_a_server_that_listens_elsewhere_is_reported_with_its_port(start):
    reply = start(python(ELSEWHERE) + "c.Spawner.http_timeout = 2\n")
    assert "did not answer" in reply.body["message"]
    assert "listens on port" in reply.body["message"]


def test_a_port_in_use_is_named(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        reply = start(f"c.Spawner.port = {port}\n")
    assert "the port of the server is taken" in reply.body["message"]
    assert f"port {port} is taken by process" in start.log
    assert reply.seconds < 5


@pytest.mark.root
def test_a_home_folder_that_is_missing_is_named(start, people):
    ada, _ = people
    subprocess.run(["rm", "-r", str(ada.home)], check=True)
    reply = start("", user=ada.name, plugins="localprocess,dummy")
    assert f"the home folder of user '{ada.name}' is missing" in reply.body["message"]
    assert f"'{ada.home}' is missing: create it" in start.log
    assert reply.seconds < 5


@pytest.mark.root
def test_a_user_without_a_system_account_is_named(start):
    reply = start("", user="nobody-at-all", plugins="localprocess,dummy")
    assert "there is no account 'nobody-at-all'" in reply.body["message"]
    assert "useradd" in start.log
