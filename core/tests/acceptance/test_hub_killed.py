"""A hub is killed while servers run; the next one adopts everything, and users are not interrupted."""

import psutil
import pytest

from plughub.testing.browser import arrive, log_in, run_notebook, write_notebook
from plughub.testing.client import client_of
from plughub.testing.hub import HubProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
CONFIG = """
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {"root-of-all"}
c.Spawner.http_timeout = 60
c.LocalProcessSpawner.interrupt_timeout = 5
c.LocalProcessSpawner.term_timeout = 5
c.SimpleLocalProcessSpawner.home_dir_template = "%s/{username}"
"""
CELL = "x = globals().get('x', 0) + 1; print('run', x)"


async def open_notebook(browser, hub, folder):
    home = folder / "ada"
    home.mkdir()
    write_notebook(home / "count.ipynb", CELL, home.stat().st_uid)
    page = await (await browser.new_context()).new_page()
    await log_in(page, hub.url, "ada", "any")
    await arrive(page, "**/user/ada/**")
    return page


async def run_again(page, expected):
    await page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    await page.keyboard.press("Control+Enter")
    await page.get_by_text(expected, exact=True).wait_for(timeout=30_000)


@pytest.mark.parametrize(
    ("proxy", "database"),
    [
        ("haproxy", "sqlite"),
        pytest.param("chp", "sqlite", marks=pytest.mark.node),
        pytest.param("haproxy", "postgresql", marks=pytest.mark.postgresql),
    ],
)
async def test_servers_are_adopted_and_websockets_and_logins_persist(
    request, browser, tmp_path, proxy, database
):
    config = CONFIG % tmp_path
    if database == "postgresql":
        config += f"c.JupyterHub.db_url = {request.getfixturevalue('postgresql').new_database()!r}\n"
    if proxy == "chp":
        api = request.getfixturevalue("free_port")
        config += f"c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{api}'\n"
    with HubProcess(tmp_path, "--plugins", f"dummy,simple,{proxy}", config=config) as hub:
        page = await open_notebook(browser, hub, tmp_path)
        assert await run_notebook(page, hub.url, "ada", "count.ipynb") == "run 1"
        before = client_of(hub, "ada")("GET", "/users/ada").body["servers"][""]
        processes = {process.pid for process in hub.processes()} - {hub.process.pid}

        closed = []
        page.on("websocket", lambda socket: closed.append(socket.url))
        hub.kill()
        await run_again(page, "run 2")
        hub.start()
        await run_again(page, "run 3")
        assert closed == [], "the page opened its websockets again"

        after = client_of(hub, "ada").until("/users/ada", lambda user: user["servers"])["servers"][""]
        assert (after["ready"], after["started"]) == (True, before["started"])
        assert all(psutil.pid_exists(pid) for pid in processes)
        assert {process.pid for process in hub.processes()} - {hub.process.pid} == processes

        answer = await page.goto(f"{hub.url}hub/home")
        assert answer.status == 200
        assert page.url.endswith("/hub/home"), "logged out"
        await page.goto(f"{hub.url}user/ada/lab")
        await page.locator("#jp-main-dock-panel").wait_for(timeout=60_000)


async def test_with_cleanup_off_servers_and_proxy_keep_running_and_are_adopted(browser, tmp_path):
    config = CONFIG % tmp_path + "c.JupyterHub.cleanup_servers = False\nc.JupyterHub.cleanup_proxy = False\n"
    hub = HubProcess(tmp_path, "--plugins", "dummy,simple", config=config)
    try:
        hub.start()
        page = await open_notebook(browser, hub, tmp_path)
        assert await run_notebook(page, hub.url, "ada", "count.ipynb") == "run 1"
        assert hub.stop() == 0
        await run_again(page, "run 2")
        hub.start()
        await run_again(page, "run 3")
        assert client_of(hub, "ada")("GET", "/users/ada").body["servers"][""]["ready"]
    finally:
        hub.end_everything()
