"""Proxy classes of config files, written for the methods of the specification, on a real hub."""

import json
import os
import shutil
import signal
import urllib.request

import pytest

from plughub.testing.client import ApiClient
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port
from plughub.testing.probe_server import PROBE_SERVER

pytestmark = pytest.mark.timeout(180)
NOTES = """
import json
from pathlib import Path

NOTES = Path("notes.txt")


def note(*words):
    with NOTES.open("a") as notes:
        notes.write(" ".join(map(str, words)) + "\\n")
"""
FILE_PROXY = f'''{NOTES}
from plughub.proxy import Proxy


class FileProxy(Proxy):
    """Writes its routes to a file, from which another program configures a web server."""

    should_start = False
    file = Path("routes.json")

    def read(self):
        return json.loads(self.file.read_text()) if self.file.exists() else {{}}

    async def add_route(self, routespec, target, data):
        entry = {{"routespec": self.validate_routespec(routespec), "target": target, "data": data}}
        self.file.write_text(json.dumps({{**self.read(), routespec: entry}}))

    async def delete_route(self, routespec):
        self.file.write_text(json.dumps({{k: v for k, v in self.read().items() if k != routespec}}))

    async def get_all_routes(self):
        return self.read()

    async def check_routes(self, user_dict, service_dict, routes=None):
        with Path("checks.txt").open("a") as checks:
            print(*user_dict, *service_dict, self.hub.routespec, file=checks)

    async def add_service(self, service, client=None):
        note("add_service", service.name, service.proxy_spec, service.server.host)
        await super().add_service(service, client)

    async def add_user(self, user, server_name="", client=None):
        spawner = user.spawners[server_name]
        note("add_user", user.name, spawner.name or "-", spawner.proxy_spec, spawner.server.host)
        await super().add_user(user, server_name, client=client)

    async def delete_user(self, user, server_name=""):
        note("delete_user", user.name, server_name or "-", user.proxy_spec)
        await super().delete_user(user, server_name)


c.JupyterHub.proxy_class = FileProxy
'''
NODE_PROXY = f'''{NOTES}
from plughub.proxy import ConfigurableHTTPProxy


class NotingProxy(ConfigurableHTTPProxy):
    """Does what its parent does, and notes it."""

    def add_hub_route(self, hub):
        note("add_hub_route", hub.routespec, hub.host)
        return super().add_hub_route(hub)

    async def add_user(self, user, server_name=""):
        note("add_user", user.name)
        await super().add_user(user, server_name)

    async def add_all_users(self, user_dict):
        note("add_all_users", *sorted(user.name for user in user_dict.values()))
        await super().add_all_users(user_dict)


c.JupyterHub.proxy_class = NotingProxy
c.ConfigurableHTTPProxy.should_start = True
'''
CONFIG = f"""
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.allow_worker_scopes = True
c.JupyterHub.allow_named_servers = True
c.JupyterHub.services = [{{"name": "board", "url": "http://127.0.0.1:9", "api_token": "{"b" * 32}", "admin": True}}]
c.JupyterHub.load_roles = [
    {{"name": "board", "services": ["board"], "scopes": ["admin:users", "admin:servers", "proxy"]}}
]
c.Authenticator.allow_all = True
c.Spawner.cmd = {list(PROBE_SERVER)!r}
c.SimpleLocalProcessSpawner.home_dir_template = "homes/{{username}}"
"""


def notes_of(folder):
    return (folder / "notes.txt").read_text().splitlines()


def routes_of(folder):
    return json.loads((folder / "routes.json").read_text())


def start(board, name, server=""):
    board("POST", f"/users/{name}")
    path = f"/users/{name}/servers/{server}" if server else f"/users/{name}/server"
    assert board("POST", path).status in {201, 202}
    wait_for(lambda: board("GET", f"/users/{name}").body["servers"].get(server, {}).get("ready"))


def test_a_proxy_that_writes_a_file_gets_users_and_services_by_name(tmp_path):
    with HubProcess(tmp_path, config=CONFIG + FILE_PROXY) as hub:
        board = ApiClient(f"{hub.hub_url}/", "b" * 32)
        assert set(routes_of(tmp_path)) == {"/", "/services/board/"}
        checks = tmp_path / "checks.txt"
        wait_for(lambda: checks.exists() and "board /" in checks.read_text().splitlines())
        start(board, "ada")
        start(board, "ada", "gpu")
        routes = routes_of(tmp_path)
        assert routes["/"]["data"] == {"hub": True}
        assert routes["/services/board/"]["data"] == {"service": "board"}
        spec = "/user/ada/gpu/"
        assert routes[spec]["data"] == {"user": "ada", "server_name": "gpu"}
        with urllib.request.urlopen(f"{routes[spec]['target']}{spec}") as answer:
            assert answer.status == 200
        default, named = routes["/user/ada/"]["target"], routes[spec]["target"]
        assert notes_of(tmp_path) == [
            "add_service board /services/board/ http://127.0.0.1:9",
            f"add_user ada - /user/ada/ {default}",
            f"add_user ada gpu {spec} {named}",
        ]
        assert board("DELETE", "/users/ada/servers/gpu").status in {202, 204}
        wait_for(lambda: spec not in routes_of(tmp_path))
        assert notes_of(tmp_path)[-1] == "delete_user ada gpu /user/ada/"

        # A route behind the hub's back is deleted, and a lost one is added, by the same methods.
        stray = {
            **routes["/user/ada/"],
            "routespec": "/user/bob/",
            "data": {"user": "bob", "server_name": ""},
        }
        (tmp_path / "routes.json").write_text(json.dumps({"/": routes["/"], "/user/bob/": stray}))
        assert board("POST", "/proxy").status == 200
        assert set(routes_of(tmp_path)) == {"/", "/services/board/", "/user/ada/"}
        assert checks.read_text().splitlines()[-1] == "ada board /"
        assert set(notes_of(tmp_path)[-3:]) == {
            "delete_user bob - /user/bob/",
            "add_service board /services/board/ http://127.0.0.1:9",
            f"add_user ada - /user/ada/ {default}",
        }


@pytest.mark.node
def test_a_subclass_of_the_node_proxy_is_called_for_hub_and_users(tmp_path):
    if shutil.which("configurable-http-proxy") is None:
        pytest.skip("configurable-http-proxy is missing: npm install -g configurable-http-proxy")
    api = f'c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"\n'
    with HubProcess(tmp_path, config=CONFIG + NODE_PROXY + api) as hub:
        board = ApiClient(hub.url, "b" * 32)
        start(board, "ada")
        start(board, "bob")
        assert notes_of(tmp_path) == [
            f"add_hub_route / {hub.hub_url.rstrip('/')}",
            "add_user ada",
            "add_user bob",
        ]
        [pid_file] = tmp_path.rglob("jupyterhub-proxy.pid")
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
        wait_for(lambda: "add_all_users ada bob" in notes_of(tmp_path))

        def reaches(name):
            try:
                with urllib.request.urlopen(f"{hub.url}user/{name}/") as answer:
                    return answer.status == 200
            except OSError:
                return False

        wait_for(lambda: reaches("ada") and reaches("bob"))
        again = notes_of(tmp_path)[3:]
        assert sorted(again) == [
            "add_all_users ada bob",
            f"add_hub_route / {hub.hub_url.rstrip('/')}",
            "add_user ada",
            "add_user bob",
        ]
