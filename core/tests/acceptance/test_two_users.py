"""Two users log in through PAM and work in a real JupyterLab, in a real browser."""

import asyncio

import pytest
from tornado.httpclient import HTTPClientError
from tornado.websocket import websocket_connect

from plughub.testing.browser import arrive, log_in, run_notebook, write_notebook
from plughub.testing.hub import HubProcess

pytestmark = [pytest.mark.root, pytest.mark.browser, pytest.mark.timeout(300)]
CELL = "import os, pwd; print(pwd.getpwuid(os.getuid()).pw_name, os.getcwd())"


@pytest.mark.parametrize(
    ("proxy", "database"),
    [
        ("haproxy", "sqlite"),
        pytest.param("chp", "sqlite", marks=pytest.mark.node),
        pytest.param("haproxy", "postgresql", marks=pytest.mark.postgresql),
    ],
)
async def test_both_users_work_under_their_own_account_and_cannot_see_each_other(
    request, browser, people, pam_config, tmp_path, proxy, database
):
    if database == "postgresql":
        url = request.getfixturevalue("postgresql").new_database()
        pam_config += f"c.JupyterHub.db_url = {url!r}\n"
    if proxy == "chp":
        api = request.getfixturevalue("free_port")
        pam_config += f"c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{api}'\n"
    ada, bob = people
    with HubProcess(tmp_path, "--plugins", f"pam,localprocess,{proxy}", config=pam_config) as hub:
        pages = await asyncio.gather(work(browser, hub, ada), work(browser, hub, bob))
        for page, other in zip(pages, (bob, ada), strict=True):
            for path in (f"user/{other.name}/lab", f"hub/user/{other.name}/", f"hub/spawn/{other.name}"):
                answer = await page.goto(f"{hub.url}{path}")
                assert answer.status == 404, path
        for path in (f"user/{ada.name}/api/events/subscribe", f"user/{ada.name}/terminals/websocket/1"):
            with pytest.raises(HTTPClientError) as stranger:
                await websocket_connect(f"{hub.url}{path}".replace("http", "ws", 1))
            assert stranger.value.code == 403, path
    assert hub.exit_code == 0


async def work(browser, hub, user):
    """Log in, once with a wrong password before, and run a cell; return the page."""
    write_notebook(user.home / "who.ipynb", CELL, user.uid)
    page = await (await browser.new_context()).new_page()
    await log_in(page, hub.url, user.name, "wrong")
    await page.get_by_text("Invalid username or password").wait_for()
    await log_in(page, hub.url, user.name, user.password)
    await arrive(page, f"**/user/{user.name}/**")
    assert await run_notebook(page, hub.url, user.name, "who.ipynb") == f"{user.name} {user.home}"
    return page
