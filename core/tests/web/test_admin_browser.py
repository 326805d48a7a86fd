"""Journeys through the administration console, in a real browser."""

from __future__ import annotations

import pytest
from tornado.web import RequestHandler

from plughub.domain.roles import Role

pytestmark = pytest.mark.browser


class ServerPage(RequestHandler):
    """Stand-in for the server that the proxy would route to."""

    def get(self):
        self.finish("<h1>This is the server</h1>")


async def log_in(page, hub, path, name="root"):
    hub.application.add_handlers(".*", [(r"/user/.*", ServerPage)])
    await page.goto(f"{hub.address}/hub/login?next=/hub/{path}")
    await page.fill("#username_input", name)
    await page.fill("#password_input", hub.users.passwords[name])
    await page.click("#login_submit")
    await page.wait_for_url(f"**/hub/{path}")


async def text(page, words):
    await page.wait_for_function("words => document.body.innerText.includes(words)", arg=words)


async def answer(page, button, **fields):
    """Fill in the open dialog and press its button."""
    for name, value in fields.items():
        await page.fill(f"dialog [name={name}]", value)
    await page.click(f"dialog button:text-is('{button}')")


async def test_users_are_added_started_grouped_and_deleted_together(hub, page):
    await hub.store.write(lambda tx: tx.groups.create(["class"]))
    await log_in(page, hub, "admin/users")
    await page.click("#add-users")
    await answer(page, "Add", usernames="ada, a/b")
    await page.wait_for_selector("dialog [role=alert]:has-text('a/b')")
    assert await page.input_value("dialog [name=usernames]") == "ada, a/b"
    await answer(page, "Add", usernames="ada, grace\nedsger root")
    await text(page, "3 users added. 1 existed already.")
    await page.wait_for_selector("#user-grace")
    for name in ("ada", "grace"):
        await page.check(f"#select-{name}")
    await text(page, "2 selected")
    await page.click("#bulk-start")
    await text(page, "ada, grace")
    await answer(page, "Start")
    await page.wait_for_selector("#stop-grace")
    await page.wait_for_selector("#user-ada .state.good")
    assert await page.is_hidden("#bulk")
    await page.check("#select-all")
    await page.click("#bulk-group")
    await page.select_option("dialog select", "class")
    await answer(page, "Add")
    await page.wait_for_selector("#user-edsger .chip:text-is('class')")
    # the caller cannot be deleted; the others are, with their servers
    await page.check("#select-all")
    await page.click("#bulk-delete")
    await answer(page, "Delete")
    await page.wait_for_selector("#user-ada", state="detached")
    await text(page, "oot:")  # the first letter of a message is shown as a capital
    assert await page.query_selector("#user-root")


async def test_list_follows_changes_made_elsewhere_and_keeps_the_focus(hub, page):
    await hub.user("ada")
    await log_in(page, hub, "admin/users")
    await page.check("#select-ada")
    await page.focus("#start-ada")
    await hub.running("ada")
    await page.wait_for_selector("#user-ada .state.good")
    assert await page.is_checked("#select-ada")
    assert await page.evaluate("document.activeElement.closest('tr')?.id") == "user-ada"
    await page.click("#bulk-stop")
    await answer(page, "Stop")
    await page.wait_for_selector("#start-ada")


async def test_user_is_invited_by_link(hub, page):
    await hub.user("ada")
    await log_in(page, hub, "admin/users/ada")
    await page.click("#invite")
    await answer(page, "Create a link")
    await page.wait_for_selector("#invitation:not([hidden])")
    link = await page.inner_text("#invitation-link")
    assert await page.evaluate("document.activeElement.id") == "copy-invitation"
    await page.context.clear_cookies()
    await page.goto(link)
    if await page.query_selector("main form button"):
        await page.click("main form button")
    user = await hub.user("ada")
    (session,) = await hub.until(lambda: hub.sessions.of_user(user))
    assert session.plugin == "onetime"


async def test_user_is_renamed_and_signed_out_by_keyboard_alone(hub, page):
    await hub.logged_in("alice")
    await log_in(page, hub, "admin/users/alice")
    await page.focus("#end-all")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("dialog[open]")
    await page.keyboard.press("Escape")
    await page.wait_for_selector("dialog", state="detached")
    assert await page.evaluate("document.activeElement.id") == "end-all"
    await page.keyboard.press("Enter")
    await page.wait_for_selector("dialog[open]")
    await page.focus("dialog button[type=submit]")
    await page.keyboard.press("Enter")
    await text(page, "This user is not logged in.")
    await page.focus("#rename")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("dialog[open]")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("alicia")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/hub/admin/users/alicia")


async def test_group_is_made_filled_and_deleted(hub, page):
    for name in ("ada", "grace"):
        await hub.user(name)
    await log_in(page, hub, "admin/groups")
    await page.click("#add-group")
    await answer(page, "Add", groups="Physics & more")
    await page.click("text=Physics & more")
    await page.wait_for_url("**/groups/Physics%20%26%20more")
    await page.click("#add-members")
    await answer(page, "Add", users="ada nobody")
    await text(page, "No such user: 'nobody'")
    await page.click("#add-members")
    await answer(page, "Add", users="ada grace")
    await page.wait_for_selector("#member-grace")
    await page.click("#properties")
    await answer(page, "Save", properties="{broken")
    await text(page, "This is no JSON")
    await page.click("#properties")
    await answer(page, "Save", properties='{"room": 7}')
    await page.check("#select-ada")
    await page.click("#bulk-leave")
    await answer(page, "Remove")
    await page.wait_for_selector("#member-ada", state="detached")
    group = await hub.groups.get("Physics & more")
    assert (group.users, group.properties) == (("grace",), {"room": 7})
    await page.click("#delete")
    await answer(page, "Delete")
    await page.wait_for_url("**/hub/admin/groups")
    await text(page, "There are no groups yet.")


async def test_refusals_are_shown(hub, page):
    """A group admin may see the button, and the rules beyond the scopes still hold."""
    await hub.user("bob")
    scopes = ("admin-ui", "list:users!user=bob", "read:users!user=bob", "admin:users!user=bob")

    def give(tx):
        tx.roles.ensure([Role(name="few", scopes=scopes)])
        tx.roles.grant("few", "user", ["alice"])

    await hub.user("alice")
    await hub.store.write(give)
    await log_in(page, hub, "admin/users/bob", "alice")
    await page.click("#invite")
    await answer(page, "Create a link")
    await text(page, "may do more than you")
    assert await page.is_hidden("#invitation")


@pytest.mark.parametrize("width", [390, 1280])
async def test_pages_fit_their_window(hub, page, width):
    await hub.running("alice")
    await page.set_viewport_size({"width": width, "height": 800})
    await log_in(page, hub, "admin")
    for path in (
        "",
        "/users",
        "/users/alice",
        "/servers",
        "/groups",
        "/sessions",
        "/tokens",
        "/roles",
        "/audit",
    ):
        await page.goto(f"{hub.address}/hub/admin{path}")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
