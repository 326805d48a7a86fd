"""A hub at a Unix socket, with both proxies and servers that use its API through the socket."""

from __future__ import annotations

import http.client
import json
import os
import socket
import stat
import subprocess
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path

import pytest

from plughub.domain.errors import MISTAKE, RETRY
from plughub.domain.unix_sockets import unix_socket_url
from plughub.testing.client import client_of, start_again
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub.testing.probe_server import PROBE_SERVER

pytestmark = pytest.mark.timeout(240)
CONFIG = """
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {"boss"}
c.SimpleLocalProcessSpawner.home_dir_template = "homes/{username}"
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 60}
c.Spawner.http_timeout = 60
"""
BROWSER = "127.0.0.2"
"""Address from which a browser connects to the proxy."""
FORGED = "203.0.113.7"
LOG_IN = f"""
import http.client, socket, sys
connection = http.client.HTTPConnection("hub")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(sys.argv[1])
connection.request("GET", "/hub/login", headers={{"X-Forwarded-For": "{FORGED}", "X-Forwarded-Proto": "https"}})
print(connection.getresponse().status)
"""


@pytest.fixture
def socket_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a short path into which every system user can look."""
    folder = Path(subprocess.run(["mktemp", "-d"], check=True, capture_output=True, text=True).stdout.strip())
    folder.chmod(0o755)
    yield folder
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def page(hub: HubProcess, path: str, token: str = "") -> tuple[int, str]:
    """Request a page of the proxy from another address of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60, source_address=(BROWSER, 0))
    try:
        connection.request("GET", path, headers={"Authorization": f"token {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def configured(path: Path, command: Sequence[str], mode: int = 0o600) -> str:
    return (
        f"{CONFIG}c.JupyterHub.hub_bind_url = {unix_socket_url(str(path))!r}\n"
        f"c.JupyterHub.hub_socket_mode = {mode}\nc.Spawner.cmd = {list(command)!r}\n"
    )


@pytest.mark.parametrize("proxy", ["haproxy", pytest.param("chp", marks=pytest.mark.node)])
def test_a_hub_at_a_socket_survives_a_kill_with_its_proxy_and_servers(proxy, tmp_path, socket_folder):
    path = socket_folder / "hub.sock"
    config = configured(path, PROBE_SERVER)
    with HubProcess(tmp_path / "hub", "--plugins", f"simple,dummy,{proxy}", config=config) as hub:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        boss = client_of(hub, "boss")
        assert boss("POST", "/users/ada").status == HTTPStatus.CREATED
        assert boss("POST", "/users/ada/server").status in {HTTPStatus.CREATED, HTTPStatus.ACCEPTED}
        boss.until("/users/ada", lambda ada: ada["servers"].get("", {}).get("ready"))

        status, body = page(hub, "/user/ada/")
        assert status == HTTPStatus.OK
        assert (
            json.loads(body)["environment"]["JUPYTERHUB_API_URL"] == f"{unix_socket_url(str(path))}/hub/api"
        )
        assert page(hub, "/hub/login")[0] == HTTPStatus.OK
        wait_for(lambda: f"200 GET /hub/login (@{BROWSER})" in hub.stderr)

        hub.kill()
        assert path.is_socket()
        assert page(hub, "/hub/login")[0] == HTTPStatus.SERVICE_UNAVAILABLE
        start_again(hub)
        assert page(hub, "/hub/login")[0] == HTTPStatus.OK
        assert page(hub, "/user/ada/")[0] == HTTPStatus.OK

        second = HubProcess(tmp_path / "second", "--plugins", f"simple,dummy,{proxy}", config=config)
        assert second.run() == RETRY, second.output
        assert f"\nhub: another process listens on the Unix socket {path}\n" in second.stderr
        assert page(hub, "/hub/login")[0] == HTTPStatus.OK
    assert not path.exists()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs to run as root")
def test_servers_of_system_users_use_the_socket_and_forged_headers_are_ignored(
    tmp_path, socket_folder, people, shared_jupyter
):
    path, (ada, bob) = socket_folder / "hub.sock", people
    config = configured(path, [str(shared_jupyter)], 0o666)
    with HubProcess(tmp_path / "hub", "--plugins", "localprocess,dummy,haproxy", config=config) as hub:
        boss = client_of(hub, "boss")
        assert boss("POST", f"/users/{ada.name}").status == HTTPStatus.CREATED
        boss("POST", f"/users/{ada.name}/server")
        boss.until(f"/users/{ada.name}", lambda model: model["servers"].get("", {}).get("ready"))
        # The server asks the hub whose token it is.
        token = boss("POST", f"/users/{ada.name}/tokens").body["token"]
        assert page(hub, f"/user/{ada.name}/api/me", token)[0] == HTTPStatus.OK

        script = [shared_jupyter.parent / "python", "-c", LOG_IN, str(path)]
        asked = subprocess.run(script, user=bob.uid, capture_output=True, text=True, check=True)
        assert asked.stdout.strip() == "200"
        wait_for(lambda: "200 GET /hub/login (@127.0.0.1)" in hub.stderr)
        assert FORGED not in hub.stderr

        # Without the socket, the hub goes back to TCP: the running proxy gets its address.
        hub.kill()
        with socket.socket(socket.AF_UNIX) as client:
            assert client.connect_ex(str(path)) != 0
        (hub.folder / "jupyterhub_config.py").write_text(
            "\n".join(line for line in config.splitlines() if "hub_bind_url" not in line)
        )
        start_again(hub)
        assert page(hub, "/hub/login")[0] == HTTPStatus.OK


def refusal(folder: Path, config: str, *arguments: str, code: int = MISTAKE) -> str:
    hub = HubProcess(folder, *arguments, config=config)
    try:
        assert hub.run() == code, hub.output
    finally:
        hub.end_everything()
    assert "Traceback" not in hub.stderr
    return hub.stderr


def test_what_does_not_fit_a_socket_is_one_message(tmp_path, socket_folder):
    config = configured(socket_folder / "hub.sock", PROBE_SERVER)
    missing = configured(socket_folder / "missing" / "hub.sock", PROBE_SERVER)
    chosen = ("--plugins", "simple,dummy,haproxy")

    said = refusal(tmp_path / "one", missing, *chosen)
    assert f"c.JupyterHub.hub_bind_url: {socket_folder}/missing/hub.sock cannot be written" in said
    said = refusal(tmp_path / "two", config, "--plugins", "simple,docker,dummy,haproxy")
    assert said.startswith(
        "hub: c.JupyterHub.hub_bind_url is a Unix socket, but servers of the spawner 'docker'"
    )
    assert "c.JupyterHub.hub_connect_url" in said

    with HubProcess(tmp_path / "hub", *chosen, config=config) as hub:
        (other := tmp_path / "other").mkdir()
        database = f"c.JupyterHub.db_url = 'sqlite:///{hub.folder}/jupyterhub.sqlite'\n"
        on_tcp = (
            CONFIG + database + f"c.JupyterHub.cookie_secret_file = '{hub.folder}/jupyterhub_cookie_secret'\n"
        )
        said = refusal(other, on_tcp, *chosen, code=RETRY)
        assert f"(pid {hub.process.pid}), and several processes cannot use a Unix socket" in said
        assert page(hub, "/hub/login")[0] == HTTPStatus.OK
