"""A named server is a JupyterLab of its own, beside the default one."""

import pytest

from plughub.testing.browsing import log_in
from plughub.testing.hub import HubProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
CONFIG = """
c.Authenticator.allow_all = True
c.JupyterHub.allow_named_servers = True
c.Spawner.http_timeout = 60
c.LocalProcessSpawner.interrupt_timeout = 5
c.LocalProcessSpawner.term_timeout = 5
c.SimpleLocalProcessSpawner.home_dir_template = "%s/{username}"
"""


async def test_a_named_server_opens_in_the_browser_and_is_removed_from_the_home_page(browser, tmp_path):
    with HubProcess(tmp_path, "--plugins", "dummy,simple", config=CONFIG % tmp_path) as hub:
        page = await (await browser.new_context()).new_page()
        page.on("dialog", lambda dialog: dialog.accept())
        await log_in(page, hub.url, "ada-b", "any")
        await page.wait_for_url("**/user/ada-b/**", timeout=90_000)
        await page.goto(f"{hub.url}hub/spawn/ada-b/my-lab")
        await page.get_by_role("button", name="Start").click()
        await page.wait_for_url("**/user/ada-b/my-lab/**", timeout=90_000)
        await page.locator("#jp-main-dock-panel").wait_for(timeout=60_000)
        cookies = {cookie["name"]: cookie["path"] for cookie in await page.context.cookies()}
        assert cookies["jupyterhub-user-ada-b"] == "/user/ada-b/"
        assert cookies["jupyterhub-user-ada-b!my-lab"] == "/user/ada-b/my-lab/"

        await page.goto(f"{hub.url}hub/home")
        row = page.locator("[data-server-name='my-lab']")
        await row.get_by_role("button", name="Stop").click()
        await row.get_by_role("button", name="Delete").click(timeout=60_000)
        await row.wait_for(state="detached", timeout=60_000)
