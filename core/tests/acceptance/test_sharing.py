"""One user gives another access to a real JupyterLab, with a link."""

import pytest

from plughub.testing.browser import PATIENCE, arrive, log_in
from plughub.testing.hub import HubProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
CONFIG = """
c.Authenticator.allow_all = True
c.JupyterHub.load_roles = [
    {"name": "user", "scopes": ["self", "shares!user", "read:users:name"]},
]
c.Spawner.http_timeout = 60
c.LocalProcessSpawner.interrupt_timeout = 5
c.LocalProcessSpawner.term_timeout = 5
c.SimpleLocalProcessSpawner.home_dir_template = "%s/{username}"
"""
CALL = """async ([method, path]) => {
    const headers = {"X-XSRFToken": window.jhdata.xsrf_token, "Content-Type": "application/json"};
    const answer = await fetch(`/hub/api/${path}`, {method, headers});
    return answer.status < 300 && answer.status !== 204 ? await answer.json() : {};
}"""


async def test_a_share_link_grants_access_to_a_running_server_until_it_is_revoked(browser, tmp_path):
    with HubProcess(tmp_path, "--plugins", "dummy,simple", config=CONFIG % tmp_path) as hub:
        ada = await (await browser.new_context()).new_page()
        await log_in(ada, hub.url, "ada", "any")
        await arrive(ada, "**/user/ada/**")
        await ada.goto(f"{hub.url}hub/home")
        made = await ada.evaluate(CALL, ["POST", "share-codes/ada/"])

        bob = await (await browser.new_context()).new_page()
        await bob.goto(f"{hub.url}{made['accept_url'].removeprefix('/')}")
        await bob.fill("#username_input", "bob")
        await bob.fill("#password_input", "any")
        await bob.click("#login_submit")
        await bob.get_by_role("button", name="Accept").click()
        await bob.get_by_role("button", name="Authorize").click(timeout=PATIENCE)
        await bob.locator("#jp-main-dock-panel").wait_for(timeout=PATIENCE)
        assert "/user/ada/" in bob.url

        await bob.goto(f"{hub.url}hub/home")
        await bob.get_by_text("Shared with me").wait_for()
        await ada.goto(f"{hub.url}hub/home")
        await ada.evaluate(CALL, ["DELETE", "shares/ada/"])
        assert (await bob.goto(f"{hub.url}hub/user/ada/lab")).status == 404
        await bob.goto(f"{hub.url}hub/home")
        assert await bob.get_by_text("Shared with me").count() == 0
