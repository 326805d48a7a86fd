"""Services in use: programs built on JupyterHub's library behind the real proxy, and the real idle culler."""

import contextlib
import os
import pwd
import sqlite3
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from plughub.testing.browser import PATIENCE, log_in
from plughub.testing.client import client_of
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port

pytestmark = pytest.mark.timeout(240)
WHOAMI = Path(__file__).with_name("whoami_service.py")
CONFIG = dedent("""
    c.Authenticator.allow_all = True
    c.Authenticator.admin_users = {{"root-of-all"}}
    c.Spawner.cmd = [{python!r}, "-m", "plughub.testing.tiny_server"]
    c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
""")


def hub_in(folder, more):
    config = CONFIG.format(python=sys.executable, folder=folder) + dedent(more)
    return HubProcess(folder, "--plugins", "dummy,simple", config=config)


def one_of(hub, word):
    """Return the only process of a hub with a word in its command line, except the shell that launches it."""
    found = [process for process in hub.processes() if is_one(process, word)]
    return found[0] if len(found) == 1 else None


def is_one(process, word):
    try:
        return word in " ".join(process.cmdline()) and process.name() not in {"sh", "dash", "bash"}
    except psutil.Error:
        return False


@pytest.fixture
def two_services(tmp_path):
    """A hub with one managed service and one external service."""
    hub = hub_in(
        tmp_path,
        f"""
        whoami = [{sys.executable!r}, {str(WHOAMI)!r}]
        c.JupyterHub.services = [
            {{"name": "managed", "url": "http://127.0.0.1:{free_port()}", "command": whoami,
              "oauth_no_confirm": True}},
            {{"name": "external", "url": "http://127.0.0.1:{(port := free_port())}",
              "api_token": "of-the-external-service", "oauth_client_allowed_scopes": ["self"]}},
        ]
        c.JupyterHub.load_roles = [
            {{"name": "user", "scopes": ["self", "access:services!service=managed",
                                         "access:services!service=external"]}},
        ]
        """,
    )
    with hub:
        env = {
            **hub.env,
            "JUPYTERHUB_API_TOKEN": "of-the-external-service",
            "JUPYTERHUB_API_URL": f"{hub.hub_url}/hub/api",
            "JUPYTERHUB_CLIENT_ID": "service-external",
            "JUPYTERHUB_SERVICE_NAME": "external",
            "JUPYTERHUB_SERVICE_PREFIX": "/services/external/",
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}",
        }
        external = subprocess.Popen([sys.executable, WHOAMI], env=env, cwd=tmp_path)
        try:
            admin = client_of(hub, "root-of-all")
            admin.until("/health", lambda facts: set(facts["services"].values()) == {"answers"}, 60)
            admin.until(
                "/proxy", lambda routes: {"/services/managed/", "/services/external/"} <= set(routes), 60
            )
            yield hub
        finally:
            external.kill()
            external.wait()


@pytest.mark.browser
async def test_visitors_are_known_to_managed_and_external_services(browser, two_services):
    hub = two_services
    page = await (await browser.new_context()).new_page()
    await page.goto(f"{hub.url}services/managed/", timeout=PATIENCE)
    await page.wait_for_url("**/hub/login?next=**", timeout=PATIENCE)
    await page.fill("#username_input", "ada")
    await page.fill("#password_input", "any")
    await page.click("#login_submit")
    await page.locator("#who").wait_for(timeout=PATIENCE)
    assert page.url == f"{hub.url}services/managed/", "who is not to be asked was asked"
    assert await page.inner_text("#who") == "ada"
    assert "servers!user=ada" not in await page.inner_text("pre")

    await page.goto(f"{hub.url}services/external/some/page", timeout=PATIENCE)
    await page.get_by_text("Service external requests access to your account").wait_for(timeout=PATIENCE)
    await page.get_by_role("button", name="Authorize").click()
    await page.locator("#who").wait_for(timeout=PATIENCE)
    assert page.url == f"{hub.url}services/external/some/page"
    assert await page.inner_text("#who") == "ada"
    assert "servers!user=ada" in await page.inner_text("pre")


@pytest.mark.browser
async def test_a_service_refuses_a_visitor_without_access(browser, tmp_path):
    command = f"[{sys.executable!r}, {str(WHOAMI)!r}]"
    url = f"http://127.0.0.1:{free_port()}"
    services = f"c.JupyterHub.services = [{{'name': 'who', 'url': {url!r}, 'command': {command}}}]"
    with hub_in(tmp_path, services) as hub:
        client_of(hub, "root-of-all").until("/proxy", lambda routes: "/services/who/" in routes, 60)
        page = await (await browser.new_context()).new_page()
        await log_in(page, hub.url, "ada", "any")
        await page.goto(f"{hub.url}services/who/", timeout=PATIENCE)
        await page.get_by_text("You do not have permission to access service who").wait_for(timeout=PATIENCE)


def test_the_idle_culler_stops_an_idle_server_as_documented(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "administration" / "services.md").read_text()
    (example,) = (block for block in page.split("```")[1::2] if "jupyterhub_idle_culler" in block)
    hurried = example.removeprefix("python").replace('"--timeout=3600"', '"--timeout=3", "--cull-every=1"')
    with hub_in(tmp_path, hurried) as hub:
        call = client_of(hub, "ada")
        bob = client_of(hub, "bob")
        assert bob("POST", "/users/bob/server", {}).status == 201
        with contextlib.closing(sqlite3.connect(tmp_path / "jupyterhub.sqlite")) as database, database:
            # like a file that was posted to a JupyterHub
            kept = '{"key_file": [{"body": {"__jupyterhub_bytes__": true, "data": "eA=="}}]}'
            database.execute("UPDATE spawners SET user_options = ?", (kept,))
        assert call("POST", "/users/ada/server", {}).status == 201
        call.until("/users/ada", lambda user: not user["servers"], 60)
        bob.until("/users/bob", lambda user: not user["servers"], 60)
        log = tmp_path / ".plughub" / "services" / "idle-culler.log"
        assert "Culling server ada" in log.read_text()


def test_a_service_is_restarted_adopted_and_stopped_with_the_hub(tmp_path):
    port = free_port()
    hub = hub_in(
        tmp_path,
        f"""
        c.JupyterHub.services = [{{
            "name": "tiny", "url": "http://127.0.0.1:{port}", "environment": {{"JUPYTERHUB_USER": "tiny"}},
            "command": [{sys.executable!r}, "-m", "plughub.testing.tiny_server"],
        }}]
        """,
    )
    with hub:
        admin = client_of(hub, "root-of-all")
        answers = lambda facts: facts["services"] == {"tiny": "answers"}  # noqa: E731
        admin.until("/health", answers)
        first = wait_for(lambda: one_of(hub, "tiny_server"))
        environment = first.environ()
        token = environment["JUPYTERHUB_API_TOKEN"]
        assert environment["JUPYTERHUB_SERVICE_PREFIX"] == "/services/tiny/"
        assert token not in " ".join(first.cmdline())
        assert type(admin)(hub.url, token)("GET", "/user").body["name"] == "tiny"

        first.kill()
        second = wait_for(lambda: (one := one_of(hub, "tiny_server")) and one.pid != first.pid and one)
        assert type(admin)(hub.url, token)("GET", "/user").status == 403, (
            "the token of a dead process is good"
        )

        admin.until("/health", answers)
        hub.kill()
        assert second.is_running()
        hub.start()
        admin.until("/health", answers)
        shown = admin("GET", "/services/tiny").body
        assert shown["pid"] == second.pid == wait_for(lambda: one_of(hub, "tiny_server")).pid
        token = second.environ()["JUPYTERHUB_API_TOKEN"]
        assert type(admin)(hub.url, token)("GET", "/user").body["name"] == "tiny"

        assert hub.stop() == 0
        assert one_of(hub, "tiny_server") is None, "it runs on without a hub"


@pytest.mark.postgresql
def test_two_hubs_run_a_service_once_and_the_live_one_adopts_it(postgresql, tmp_path):
    first = hub_in(
        tmp_path,
        f"""
        c.JupyterHub.db_url = {postgresql.new_database()!r}
        c.JupyterHub.lease_seconds = 3
        c.JupyterHub.services = [{{"name": "sleeper", "command": ["/bin/sleep", "1000"]}}]
        """,
    )
    second = HubProcess(
        tmp_path, "--plugins", "dummy,simple", f"--JupyterHub.port={first.port}", name="second"
    )
    with first:
        api_url = wait_for(lambda: one_of(first, "/bin/sleep")).environ()["JUPYTERHUB_API_URL"]
        assert f":{first.hub_port}/" in api_url
        try:
            second.start()
            first.kill()
            wait_for(lambda: (one := one_of(second, "/bin/sleep")) and calls(one, second))
            assert second.stop() == 0
            assert one_of(second, "/bin/sleep") is None, "it runs on without a hub"
        finally:
            second.end_everything()


def calls(process: psutil.Process, hub: HubProcess) -> bool:
    """Return whether a service calls a hub; None while the service restarts."""
    try:
        return f":{hub.hub_port}/" in process.environ()["JUPYTERHUB_API_URL"]
    except (psutil.Error, KeyError):
        return False


@pytest.mark.root
def test_a_service_runs_as_its_configured_user(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("running as another user requires root")
    nobody = pwd.getpwnam("nobody")
    services = """
        c.JupyterHub.services = [{
            "name": "sleeper", "command": ["/bin/sleep", "1000"], "user": "nobody", "cwd": "/"}]
    """
    with hub_in(tmp_path, services) as hub:
        process = wait_for(lambda: one_of(hub, "/bin/sleep"))
        assert process.uids().effective == nobody.pw_uid
        assert process.gids().effective == nobody.pw_gid
        assert process.cwd() == "/"
        assert sorted(os.getgrouplist("nobody", nobody.pw_gid)) == groups_of(process)


def groups_of(process: psutil.Process) -> list[int]:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return sorted(int(group) for group in status.partition("\nGroups:")[2].partition("\n")[0].split())
