"""The page on which users share their servers, in a real browser."""

from __future__ import annotations

import pytest

from plughub.services.sharing.shares import Grantee

pytestmark = pytest.mark.browser


async def log_in(page, hub, name):
    await page.goto(f"{hub.address}/hub/login?next=/hub/shares")
    await page.fill("#username_input", name)
    await page.fill("#password_input", hub.users.passwords[name])
    await page.click("#login_submit")
    await page.wait_for_url("**/hub/shares")


async def test_server_is_shared_by_link_and_by_name_and_both_end(hub, page):
    await hub.user("bob")
    await hub.user("eve")
    await hub.holder("alice", "shares!user=alice", "read:users:name")
    await log_in(page, hub, "alice")
    await page.click("#share-form [type=submit]")
    await page.wait_for_selector("#link-area:not([hidden])")
    link = await page.inner_text("#share-link")
    assert link.startswith(f"{hub.address}/hub/accept-share?code=")
    await page.wait_for_selector("#links-table tbody tr")  # without a reload
    assert await page.locator("#links-table tbody tr").count() == 1

    await page.check("#with-user")
    await page.fill("#share-name", "nobody-here")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#share-form .report:has-text('nobody-here')")
    await page.fill("#share-name", "eve")
    await page.check("#share-start")
    await page.click("#share-form [type=submit]")
    await page.wait_for_selector("#shares-table :text('eve')")
    share = await hub.services.sharing.get(Grantee(kind="user", name="eve"), "alice", "")
    assert share.scopes == {f"{scope}:servers!server=alice/" for scope in ("access", "start", "delete")}

    other = await page.context.browser.new_context()
    bob = await other.new_page()
    await log_in(bob, hub, "bob")
    assert await bob.locator("#share-form").count() == 0  # without the scope
    await bob.goto(link)
    await bob.click("#accept")
    await bob.goto(f"{hub.address}/hub/shares")
    await bob.get_by_role("button", name="Leave the server of alice").click()
    await bob.click("dialog .danger")
    await bob.wait_for_selector("#received-table", state="detached")

    await page.reload()
    await page.get_by_role("button", name="Stop sharing with eve").click()
    await page.click("dialog .danger")
    await page.wait_for_selector("#shares-table", state="detached")
    await page.get_by_role("button", name="Delete the link").click()
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Delete the link").click()
    await page.click("dialog .danger")
    await page.wait_for_selector("#links-table", state="detached")
    assert await hub.services.share_codes.of_owner("alice", None, 0, 10) == ([], 0)
    assert await hub.services.sharing.of_owner("alice", None, 0, 10) == ([], 0)
    await other.close()
