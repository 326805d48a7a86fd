"""The running ``hub``: its output, its shutdown, and its effects on other commands."""

import contextlib
import json
import signal
import sqlite3
import stat
import subprocess
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from plughub.domain.errors import MISTAKE, RETRY
from plughub.testing.client import ApiClient, client_of, start_again
from plughub.testing.conditions import wait_for
from plughub.testing.hub import OPENED_BY_USER, HubProcess, is_open

PLUGINS = ("--plugins", "simple,dummy,haproxy,onetime")
CONFIG = "c.Authenticator.allow_all = True\n"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "hub"


def ask(hub, path, token=""):
    request = urllib.request.Request(
        hub.url + path, headers={"Authorization": f"token {token}"} if token else {}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def opened_by_user(link):
    return urllib.request.Request(link, headers=OPENED_BY_USER)


def test_the_hub_prints_its_address_and_a_one_time_login_link(folder):
    with HubProcess(folder, *PLUGINS, config=CONFIG) as hub:
        assert hub.url == f"http://127.0.0.1:{hub.port}/"
        wait_for(lambda: hub.stdout.count("\n") == 2)
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        opened = opened_by_user(hub.login_link.replace("?", "?next=%2Fhub%2Fhome&"))
        with opener.open(opened, timeout=20) as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(opened_by_user(hub.login_link), timeout=20)
        refused.value.close()
        assert refused.value.code == 403


def test_a_link_that_the_command_prints_logs_its_user_in_while_the_hub_runs(folder):
    with HubProcess(folder, *PLUGINS, config=CONFIG) as hub:
        command = [hub.python, "-m", "plughub", "link", "bob", *PLUGINS, f"--port={hub.port}"]
        made = subprocess.run(command, cwd=folder, env=hub.env, check=True, capture_output=True, text=True)
        link = opened_by_user(made.stdout.strip().replace("?", "?next=%2Fhub%2Fhome&"))
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(link, timeout=20) as answer:
            assert (answer.status, "bob" in answer.read().decode()) == (200, True)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(link, timeout=20)
        refused.value.close()


def test_a_second_hub_on_a_sqlite_file_warns_of_the_first(folder):
    with HubProcess(folder, *PLUGINS, config=CONFIG) as hub:
        assert "uses the database" not in hub.stderr
        second = HubProcess(folder, *PLUGINS, f"--JupyterHub.port={hub.port}", name="second")
        try:
            second.start()
            warning = f"process {hub.process.pid} also uses the database jupyterhub.sqlite"
            wait_for(lambda: warning in second.stderr)
            assert second.stop() == 0
        finally:
            second.kill()
        resetting = HubProcess(folder, *PLUGINS, "--reset-db", "-y", name="third")
        assert resetting.run() == 1
        assert f"the database is in use by process {hub.process.pid}" in resetting.stderr


FROM_CONFIG = """
from plughub.handlers import APIHandler, needs_scope

class Hello(APIHandler):
    @needs_scope()
    async def get(self):
        self.answer({"hello": self.who.name})

c.JupyterHub.extra_handlers = [("/api/hello", type("Greeting", (Hello,), {}))]
c.JupyterHub.api_tokens = {"of-carol-in-the-configuration": "Carol"}
c.JupyterHub.admin_users = {"Carol"}
c.JupyterHub.init_spawners_timeout = -1
c.JupyterHub.confirm_no_ssl = True
"""


def test_tokens_of_command_line_and_config_file_are_accepted_by_the_running_hub(folder):
    with HubProcess(folder, *PLUGINS, config=CONFIG + FROM_CONFIG) as hub:
        carol = ask(hub, "hub/api/user", "of-carol-in-the-configuration")
        assert (carol["name"], carol["admin"]) == ("carol", True)
        assert ask(hub, "hub/api/hello", "of-carol-in-the-configuration") == {"hello": "carol"}
        assert "which can be removed: c.JupyterHub.confirm_no_ssl" in hub.stderr
        assert "of-carol-in" not in hub.output
        made = subprocess.run(
            [hub.python, "-m", "plughub", "token", "alice"],
            cwd=folder,
            env=hub.env,
            check=True,
            capture_output=True,
            text=True,
        )
        assert ask(hub, "hub/api/user", made.stdout.strip())["name"] == "alice"
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(hub, "hub/api/user", made.stdout.strip()[::-1])
        refused.value.close()
        assert refused.value.code == 403


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_nothing_left(folder, number):
    hub = HubProcess(folder, *PLUGINS, "--pid-file=hub.pid", config=CONFIG)
    try:
        hub.start()
        assert (folder / "hub.pid").read_text() == f"{hub.process.pid}\n"
        assert hub.stop(number) == 0
        assert hub.stdout.endswith("hub: stopping\n")
        assert "Traceback" not in hub.stderr
        assert not (folder / "hub.pid").exists()
        hub.assert_nothing_left()
    finally:
        hub.end_everything()


def test_a_full_disk_under_the_pid_file_stops_no_server(folder):
    folder.mkdir()
    (folder / "hub.pid").symlink_to("/dev/full")
    hub = HubProcess(folder, *PLUGINS, "--pid-file=hub.pid", config=CONFIG)
    try:
        assert hub.run() == RETRY, hub.output
        assert "c.JupyterHub.pid_file: hub.pid cannot be written: No space left" in hub.stderr
        assert "stopping" not in hub.stdout
        assert "Traceback" not in hub.stderr
    finally:
        hub.end_everything()


def test_the_hub_listens_on_this_machine_only_and_its_files_are_private(folder):
    with HubProcess(folder, *PLUGINS, config=CONFIG) as hub:
        listening = {
            (connection.laddr.ip, connection.laddr.port)
            for process in hub.processes()
            for connection in process.net_connections("tcp")
            if connection.status == "LISTEN"
        }
        assert listening == {("127.0.0.1", hub.port), ("127.0.0.1", hub.hub_port)}
        for name in ("jupyterhub_cookie_secret", "jupyterhub.sqlite", "jupyterhub.sqlite-wal", ".plughub"):
            assert stat.S_IMODE((folder / name).stat().st_mode) & 0o077 == 0, name


def test_a_second_hub_on_the_same_ports_does_not_start_and_leaves_the_first_alone(folder):
    pid_file = f"--pid-file={folder}/hub.pid"
    with HubProcess(folder, *PLUGINS, pid_file, config=CONFIG) as hub:
        ports = (f"--JupyterHub.port={hub.port}", f"--JupyterHub.hub_port={hub.hub_port}")
        second = HubProcess(folder.parent / "second", *PLUGINS, *ports, pid_file, config=CONFIG)
        assert second.run() == 1, second.output
        assert f"port {hub.hub_port} is in use (process {hub.process.pid}, " in second.stderr
        checks = HubProcess(folder, *PLUGINS, *ports, "check", config=CONFIG, name="check")
        assert checks.run() == 0, checks.output
        assert checks.stderr == "", "these are the ports of this hub"
        elsewhere = HubProcess(folder.parent / "third", *PLUGINS, *ports, "check", config=CONFIG)
        assert elsewhere.run() == 0, elsewhere.output
        assert f"port {hub.hub_port} (c.JupyterHub.hub_ip and hub_port) is in use" in elsewhere.stderr
        assert f"port {hub.port} (c.JupyterHub.ip and port) is in use (process" in elsewhere.stderr
        assert (folder / "hub.pid").read_text() == f"{hub.process.pid}\n"
        assert ask(hub, "hub/api/")["version"]


def test_after_sigkill_it_starts_again_on_the_same_ports(folder):
    with HubProcess(folder, *PLUGINS, config=CONFIG) as hub:
        hub.kill()
        proxies = {process.pid for process in hub.processes()}
        with pytest.raises(AssertionError, match=f"a listener on port {hub.port}"):
            hub.assert_nothing_left(timeout=0)
        start_again(hub)
        assert ask(hub, "hub/api/")["version"]
        assert proxies
        assert proxies <= {process.pid for process in hub.processes()}, "the proxy was found again"


def test_the_log_level_is_that_of_the_settings(folder):
    with HubProcess(folder, *PLUGINS, "--log-level=ERROR", config=CONFIG) as hub:
        assert hub.stderr == ""


def test_with_a_database_in_memory_the_hub_runs_and_writes_its_log_file_too(folder):
    with HubProcess(folder, *PLUGINS, "--no-db", "--log-file=hub.log", config=CONFIG + FROM_CONFIG) as hub:
        carol = ApiClient(hub.url, "of-carol-in-the-configuration")
        with ThreadPoolExecutor(8) as threads:
            made = list(threads.map(lambda name: carol("POST", f"/users/{name}").status, "abcdefgh"))
        assert made == [201] * 8
        assert {user["name"] for user in carol("GET", "/users").body} == {"carol", *"abcdefgh"}
        assert carol("POST", "/users/a/server").status in {201, 202}
        carol.until("/users/a", lambda user: user["servers"].get("", {}).get("ready"))
        assert "the database is in memory" in hub.stderr
        assert hub.stop() == 0
        assert (folder / "hub.log").read_text() == hub.stderr
        assert not list(folder.glob("*sqlite*"))


STUCK = """
import asyncio
from plughub.proxy import Proxy

class Stuck(Proxy):
    async def start(self): ...

    async def stop(self):
        print("the proxy is stuck", flush=True)
        await asyncio.sleep(600)

    async def add_route(self, routespec, target, data): ...

    async def delete_route(self, routespec): ...

    async def get_all_routes(self):
        return {}

c.JupyterHub.proxy_class = Stuck
c.JupyterHub.allow_worker_scopes = True
"""


def test_a_second_signal_ends_a_stop_that_takes_too_long(folder):
    hub = HubProcess(folder, "--plugins", "simple,dummy", "--pid-file=hub.pid", config=CONFIG + STUCK)
    try:
        hub.start()
        hub.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "the proxy is stuck" in hub.stdout)
        assert hub.stop(signal.SIGINT, timeout=60) == 1
        assert hub.stderr.endswith("hub: aborted; servers and proxy remain unchanged\n")
        assert "Traceback" not in hub.stderr
        assert not (folder / "hub.pid").exists()
    finally:
        hub.end_everything()


def test_the_hub_shuts_down_although_the_database_is_unavailable(folder):
    hub = HubProcess(folder, *PLUGINS, config=CONFIG)
    try:
        hub.start()
        with contextlib.closing(sqlite3.connect(folder / "jupyterhub.sqlite")) as database:
            database.execute("ALTER TABLE plughub_hubs RENAME TO away")
        assert hub.stop(timeout=20) == 0
        assert "leaving servers and proxy unchanged: the database is not available" in hub.stderr
        assert "Traceback" not in hub.stderr
    finally:
        hub.end_everything()


def test_the_api_ends_it_and_servers_and_proxy_stay_when_asked_to(folder):
    with HubProcess(folder, *PLUGINS, config=CONFIG) as hub:
        subprocess.run([hub.python, "-m", "plughub", "token", "root"], cwd=folder, env=hub.env, check=True)
        database = sqlite3.connect(folder / "jupyterhub.sqlite")
        with contextlib.closing(database), database:
            database.execute(
                "INSERT INTO user_role_map (user_id, role_id, managed_by_auth) "
                "SELECT users.id, roles.id, 0 FROM users, roles WHERE users.name='root' AND roles.name='admin'"
            )
        api = client_of(hub, "root")
        answer = api("POST", "/shutdown", {"proxy": False, "servers": False})
        assert (answer.status, answer.body) == (202, {"message": "Shutting down Hub"})
        assert hub.process.wait(20) == 0
        assert is_open(hub.port)


ROLES = """
c.JupyterHub.load_roles = [{"name": "looker", "scopes": ["list:users"], "groups": ["class"]}]
c.JupyterHub.load_groups = {"class": ["alice"]}
c.Authenticator.admin_users = {"root"}
c.JupyterHub.custom_scopes = {"custom:board:read": {"description": "Read what is on the board"}}
c.JupyterHub.extra_user_scopes = {"custom:board:read"}
"""


def test_roles_and_groups_of_the_configuration_take_effect(folder):
    with HubProcess(folder, *PLUGINS, config=CONFIG + ROLES) as hub:
        users = client_of(hub, "alice")("GET", "/users").body
        assert [user["name"] for user in users] == ["alice", "root"]
        bob = client_of(hub, "bob")
        assert bob("GET", "/users").status == 403
        assert "custom:board:read" in bob("GET", "/user").body["scopes"]
        assert client_of(hub, "root")("GET", "/users/root").body["admin"] is True


def test_an_invalid_role_fails_the_start_with_one_message(folder):
    bad = 'c.JupyterHub.load_roles = [{"name": "looker", "scopes": ["list:userz"]}]\n'
    hub = HubProcess(folder, *PLUGINS, config=CONFIG + bad)
    assert hub.run() == MISTAKE
    assert "did you mean 'list:users'?" in hub.stderr
    assert "Traceback" not in hub.stderr
