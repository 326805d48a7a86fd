"""A hub behind a prefix of its own, with another program at the proxy's default route."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import pytest

from plughub.testing.client import ApiClient, start_again
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port
from plughub.testing.probe_server import PROBE_SERVER

pytestmark = pytest.mark.timeout(120)
TOKEN: Final = "b" * 32
CONFIG = f"""
c.Authenticator.allow_all = True
c.JupyterHub.services = [{{"name": "board", "api_token": "{TOKEN}"}}]
c.JupyterHub.load_roles = [
    {{"name": "board", "services": ["board"], "scopes": ["admin:users", "admin:servers", "proxy"]}}
]
c.SimpleLocalProcessSpawner.home_dir_template = "homes/{{username}}"
c.Spawner.cmd = {list(PROBE_SERVER)!r}
"""
proxies = pytest.mark.parametrize("proxy", ["haproxy", pytest.param("chp", marks=pytest.mark.node)])


class FrontPage(BaseHTTPRequestHandler):
    """The program at the default route."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"front page")

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def front_page() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), FrontPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def answer_of(hub: HubProcess, path: str, host: str = "127.0.0.1") -> str:
    """Return which program answers at a path."""
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=30)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    finally:
        connection.close()
    if text == "front page":
        return "front page"
    if answer.headers.get("X-JupyterHub-Version"):
        return f"hub {answer.status}"
    return "server" if "JUPYTERHUB_SERVICE_URL" in text else f"{answer.status}"


@proxies
def test_only_requests_below_the_prefix_reach_the_hub(proxy, tmp_path, front_page):
    config = f"""{CONFIG}
c.JupyterHub.base_url = "/my hub/"
c.JupyterHub.hub_routespec = "/my hub/hub/"
c.Proxy.extra_routes = {{"/": "{front_page}"}}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"
"""
    with HubProcess(tmp_path / "hub", "--plugins", f"simple,dummy,{proxy}", config=config) as hub:
        board = ApiClient(hub.url, TOKEN)
        board("POST", "/users/ada")
        board("POST", "/users/ada/server")
        board.until("/users/ada", lambda ada: ada["servers"].get("", {}).get("ready"))
        assert {
            path: answer_of(hub, path) for path in ("/", "/my%20hub/", "/my%20hub/user/bob/", "/hub/login")
        } == {
            "/": "front page",
            "/my%20hub/": "front page",
            "/my%20hub/user/bob/": "front page",
            "/hub/login": "front page",
        }
        assert answer_of(hub, "/my%20hub/hub/login") == "hub 200"
        assert answer_of(hub, "/my%20hub/user/ada/") == "server"
        assert set(board("GET", "/proxy").body) == {"/my%20hub/hub/", "/my%20hub/user/ada/"}
        assert "JupyterHub.hub_routespec = '/my%20hub/hub/': the hub does not receive requests" in hub.stderr

        # The default again: the running proxy loses the longer prefix.
        hub.kill()
        path = hub.folder / "jupyterhub_config.py"
        path.write_text("\n".join(line for line in config.splitlines() if "hub_routespec" not in line))
        start_again(hub)
        assert answer_of(hub, "/my%20hub/user/bob/") == "hub 302"
        assert answer_of(hub, "/") == "front page"
        assert set(board("GET", "/proxy").body) == {"/my%20hub/", "/my%20hub/user/ada/"}


@proxies
def test_with_subdomains_the_prefix_begins_with_the_host_of_the_hub(proxy, tmp_path, front_page):
    config = f"""{CONFIG}
c.JupyterHub.subdomain_host = "http://hub.example.org"
c.JupyterHub.hub_routespec = "Hub.example.org/hub"
c.Proxy.extra_routes = {{"hub.example.org/": "{front_page}"}}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"
"""
    with HubProcess(tmp_path / "hub", "--plugins", f"simple,dummy,{proxy}", config=config) as hub:
        board = ApiClient(f"http://127.0.0.1:{hub.hub_port}/", TOKEN)
        board("POST", "/users/ada")
        board("POST", "/users/ada/server")
        board.until("/users/ada", lambda ada: ada["servers"].get("", {}).get("ready"))
        assert answer_of(hub, "/hub/login", "hub.example.org") == "hub 200"
        assert answer_of(hub, "/", "hub.example.org") == "front page"
        assert answer_of(hub, "/user/ada/", "ada.hub.example.org") == "server"
        assert answer_of(hub, "/user/ada/", "hub.example.org") == "front page"
        assert answer_of(hub, "/hub/login", "bob.hub.example.org") in {"404", "hub 404"}
        assert set(board("GET", "/proxy").body) == {"hub.example.org/hub/", "ada.hub.example.org/user/ada/"}
