"""Named servers run a JupyterLab of their own; names and paths may contain any character."""

import pytest

from plughub.domain.oauth import server_client_id
from plughub.domain.paths import check_base_url, former_path
from plughub.domain.urls import user_url
from plughub.testing.browser import PATIENCE, arrive, log_in, run_notebook, write_notebook
from plughub.testing.hub import HubProcess
from plughub.testing.odd_names import ALL_SIGNS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
NAME = f"{ALL_SIGNS} é名😀"
PATH = "/it's 100% (é)/"
BASE = check_base_url(PATH)
CONFIG = f"""
c.Authenticator.allow_all = True
c.JupyterHub.base_url = {PATH!r}
c.JupyterHub.allow_named_servers = True
c.Spawner.http_timeout = 60
c.LocalProcessSpawner.interrupt_timeout = 5
c.LocalProcessSpawner.term_timeout = 5
c.SimpleLocalProcessSpawner.home_dir_template = "HOMES/{{username}}"
"""


async def test_a_named_server_opens_in_the_browser_and_is_removed_from_the_home_page(browser, tmp_path):
    homes = tmp_path / "homes"
    config = CONFIG.replace("HOMES", str(homes))
    default, named = user_url(BASE, NAME), user_url(BASE, NAME, "my-lab")
    with HubProcess(tmp_path, "--plugins", "dummy,simple", config=config) as hub:
        origin = hub.url.removesuffix(BASE)
        page = await (await browser.new_context()).new_page()
        await log_in(page, f"{origin}{former_path(BASE)}", NAME, "any")
        await arrive(page, lambda url: url.startswith(f"{origin}{default}"))
        write_notebook(homes / NAME / "one.ipynb", "print(6 * 7)", homes.stat().st_uid)
        assert await run_notebook(page, hub.url, NAME, "one.ipynb") == "42"

        await page.goto(f"{origin}{BASE}hub/spawn{default.removeprefix(f'{BASE}user')}my-lab")
        await page.get_by_role("button", name="Start").click()
        await arrive(page, lambda url: url.startswith(f"{origin}{named}"))
        await page.goto(f"{origin}{former_path(named)}lab", timeout=PATIENCE)
        await page.locator("#jp-main-dock-panel").wait_for(timeout=PATIENCE)
        assert page.url.startswith(f"{origin}{named}"), "as typed without escapes, it is the same server"
        cookies = {cookie["name"]: cookie["path"] for cookie in await page.context.cookies()}
        assert cookies[server_client_id(NAME, "")] == default
        assert cookies[server_client_id(NAME, "my-lab")] == named

        await page.goto(f"{hub.url}hub/home")
        row = page.locator("[data-server-name='my-lab']")
        await row.get_by_role("button", name="Stop").click()
        await row.get_by_role("button", name="Delete").click(timeout=60_000)
        await page.locator("dialog .danger").click()
        await row.wait_for(state="detached", timeout=60_000)
