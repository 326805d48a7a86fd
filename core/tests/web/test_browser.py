"""Behaviour of pages that needs scripts, in a real browser."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

import pytest
from tornado.web import RequestHandler

from plughub.kinds import Progress

pytestmark = pytest.mark.browser


@pytest.fixture
async def hub(make_hub):
    return await make_hub(options={"slow_spawn_timeout": 0.05})


class ServerPage(RequestHandler):
    """Stand-in for the server that the proxy would route to."""

    def get(self):
        self.finish("<h1>This is the server</h1>")


async def log_in(page, hub, name="alice", then="/hub/spawn"):
    hub.application.add_handlers(".*", [(r"/user/.*", ServerPage)])
    await page.goto(f"{hub.address}/hub/login?next={then}")
    await page.fill("#username_input", name)
    await page.fill("#password_input", hub.users.passwords[name])
    await page.click("#login_submit")
    await page.wait_for_function("!document.querySelector('#login_submit')")
    await page.wait_for_load_state()  # until then a click on the page has no effect


async def text(page, words):
    await page.wait_for_function("words => document.body.innerText.includes(words)", arg=words)


async def test_failed_start_is_shown_and_retried(hub, page):
    hub.tiny.hold = asyncio.Event()
    hub.tiny.steps = (Progress(percent=20, message="Pulling"), Progress(percent=40, message="Creating"))
    await log_in(page, hub)
    await page.wait_for_url("**/spawn-pending/**")
    await text(page, "Creating")
    assert await page.get_attribute("#progress-bar", "aria-valuenow") == "40"
    hub.tiny.failure, hub.tiny.logs = "no <b>room</b>", ("last <i>words</i>",)
    hub.tiny.hold.set()
    await text(page, "no <b>room</b>")
    await text(page, "last <i>words</i>")
    hub.tiny.failure = ""
    await page.click("#retry")
    await page.wait_for_url("**/user/alice/**")


async def test_start_is_cancelled(hub, page):
    hub.tiny.hold = asyncio.Event()
    await log_in(page, hub)
    await page.wait_for_url("**/spawn-pending/**")
    await page.click("#stop-server-btn")
    await page.wait_for_url("**/hub/home")
    await page.wait_for_selector("#start")


ATTACK = """<h1>A page of mallory's server</h1><script type="module">
const page = new DOMParser().parseFromString(await (await fetch("/hub/token")).text(), "text/html");
const token = /"xsrf_token": *"([^"]+)"/.exec(page.documentElement.innerHTML)?.[1] ?? "";
const ask = async (method, path, body) => (await fetch(path, { method, body: JSON.stringify(body),
  headers: { "X-XSRFToken": token, "Content-Type": "application/json" } })).status;
const known = await ask("GET", "/hub/api/user");
const made = await ask("POST", "/hub/api/users/root/tokens", {});
const admin = await ask("PATCH", "/hub/api/users/mallory", { admin: true });
const shared = await ask("POST", "/hub/api/shares/root/", { user: "mallory" });
const left = await ask("DELETE", "/hub/api/users/bob");
const guess = await fetch("/hub/confirm", { method: "POST",
  body: new URLSearchParams({ username: "root", password: "guess", _xsrf: token }) });
document.body.append(["done", known, made, admin, shared, left, guess.status].join(" "));
</script>"""


class HostileServer(RequestHandler):
    """Server whose page attacks its visitors."""

    def get(self):
        self.finish(ATTACK)


async def test_hostile_server_page_cannot_act_as_visitor_without_password(make_hub, page):
    hub = await make_hub(confirm_within=600.0)
    for name in ("bob", "mallory"):
        await hub.user(name)
    hub.application.add_handlers(".*", [("/user/mallory/.*", HostileServer)])
    await log_in(page, hub, "root", "/hub/home")
    root = await hub.user("root")
    (session,) = await hub.sessions.of_user(root)
    await hub.store.database.write(
        lambda c: c.exec_driver_sql("UPDATE plughub_sessions SET authenticated_at = authenticated_at - 700")
    )
    hub.tokens.cache.clear()
    await page.goto(f"{hub.address}/user/mallory/lab")
    await text(page, "done 200 403 403 403 403 403")
    assert not await hub.tokens.of_user(root)
    assert not (await hub.user("mallory")).admin
    assert await hub.store.read(lambda tx: tx.users.get("bob"))

    await page.goto(f"{hub.address}/hub/token")
    await page.fill("#token-note", 'of the "lab" & more')
    await page.select_option("#token-expiration-seconds", "3600")
    await page.check("#extent-some")
    await page.click("#token-advanced summary")
    await page.fill("#token-scopes", "read:users!user  tokens!user read:hub")
    await page.click("#request-token-form [type=submit]")
    await page.wait_for_url("**/hub/confirm?next=*")
    await page.fill("#password_input", "toor")
    await page.click("#login_submit")
    await page.wait_for_url("**/hub/token")
    assert not await hub.tokens.of_user(root)  # returning from the confirmation creates none
    await page.click("#request-token-form [type=submit]")
    await page.wait_for_function("document.querySelector('#token-result').textContent.length > 20")
    (made,) = await hub.tokens.of_user(root)
    scopes = ("read:users!user", "tokens!user", "read:hub")
    assert (made.note, made.scopes) == ('of the "lab" & more', frozenset(scopes))
    assert 3500 < (made.expires_at - made.created).total_seconds() < 3700
    (after,) = await hub.sessions.of_user(root)
    assert after.authenticated_at > session.authenticated_at


async def test_token_page_signs_out_everywhere(hub, page):
    other = await hub.logged_in()
    await log_in(page, hub, then="/hub/token")
    await page.click("#sign-out-everywhere")
    await page.click("dialog .danger")
    await page.wait_for_url("**/hub/login**")
    assert (await other.get("/hub/home")).code == 302


async def test_login_in_second_tab_works(hub, page):
    other = await page.context.new_page()
    await other.goto(f"{hub.address}/hub/login?next=/hub/token")
    await log_in(page, hub, then="/hub/home")
    await page.reload()
    await other.fill("#username_input", "bob")
    await other.fill("#password_input", "builder")
    await other.click("#login_submit")
    await other.wait_for_url("**/hub/token")
    assert await other.inner_text(".who") == "bob"


class CoursePage(RequestHandler):
    """Page of another site with a link that starts a server."""

    def get(self):
        self.finish('<a href="{}">Start</a>'.format(self.get_query_argument("link").replace("&", "&amp;")))


async def test_external_link_is_confirmed_once_and_kept_unchanged(make_hub, page):
    hub = await make_hub()
    hub.tiny.form = "<input name='size'>"
    hub.application.add_handlers(".*", [(r"/course", CoursePage)])
    await log_in(page, hub, then="/hub/home")
    query = "opt-size=7&opt-note=%20a%0Ab%0D%0A%20&opt-note&opt-gr%C3%B6%C3%9Fe=%3Cb%3E&frog=wa%2Fter"
    elsewhere = hub.address.replace("127.0.0.1", "localhost")
    await page.goto(f"{elsewhere}/course?link={quote(f'{hub.address}/hub/spawn?{query}', safe='')}")
    await page.click("a")
    await text(page, "Start this server?")
    assert not hub.tiny.started
    assert await page.locator("#main li").all_inner_texts() == [
        "Server: your default server", "Then opens: /user/alice/?frog=wa%2Fter",
        "size: 7", "note:  a\nb\n ", "note: empty", "größe: <b>",
    ]  # fmt: skip
    await page.click("#start")
    await page.wait_for_url("**/user/alice/?frog=wa%2Fter")
    assert hub.tiny.started[0].options == {"size": ["7"], "note": [" a\nb\r\n ", ""], "größe": ["<b>"]}


FORM = """
<label for="size">Size</label><input id="size" name="size">
<label for="why">Why</label><textarea id="why" name="why"></textarea>
<label for="kind">Kind</label><select id="kind" name="kind"><option>cpu</option><option>gpu</option></select>
<label><input type="checkbox" name="with" value="mail"> Mail</label>
<label><input type="checkbox" name="with" value="git"> Git</label>
<label for="key">Key</label><input id="key" name="key" type="password">
"""


async def fill(page, size):
    await page.fill("#size", size)
    await page.fill("#why", "two\nlines")
    await page.select_option("#kind", "gpu")
    await page.check("[value=git]")
    await page.fill("#key", "secret")


async def typed(page):
    values = [await page.input_value(f"#{name}") for name in ("size", "why", "kind", "key")]
    return [*values, await page.is_checked("[value=mail]"), await page.is_checked("[value=git]")]


async def test_form_keeps_input_after_refusal_and_failed_start(hub, page):
    hub.tiny.form = FORM
    await log_in(page, hub)
    await fill(page, "big")
    await page.click("#spawn_form [type=submit]")
    await text(page, "size must be a number, not big")
    assert await typed(page) == ["big", "two\nlines", "gpu", "", False, True]

    hub.tiny.failure = "no room"
    await page.fill("#size", "3")
    await page.click("#spawn_form [type=submit]")
    await text(page, "No room")
    await page.click("text=Try again")
    await page.wait_for_selector("#spawn_form")
    assert await typed(page) == ["3", "two\nlines", "gpu", "", False, True]

    hub.tiny.failure = ""
    await page.click("#spawn_form [type=submit]")
    await page.wait_for_url("**/user/alice/**")
    await hub.servers.stop(await hub.servers.get("alice", ""))
    await hub.servers.wait(await hub.servers.get("alice", ""), 30)
    await page.goto(f"{hub.address}/hub/spawn")
    assert await typed(page) == ["3", "two\nlines", "gpu", "", False, True]


async def test_named_server_is_added_stopped_and_deleted(make_hub, page):
    hub = await make_hub(allow_named_servers=True)
    await log_in(page, hub, then="/hub/home")
    await page.fill("#new-server-name", "lab")
    await page.click("#new-server button")
    await page.wait_for_url("**/user/alice/lab/**")
    await page.goto(f"{hub.address}/hub/home")
    await page.get_by_role("button", name="Stop lab").click()
    await page.get_by_role("button", name="Delete lab").click()
    await page.click("dialog .danger")
    await page.wait_for_function("!document.querySelector('#delete-lab')")
    assert [server.name for server in await hub.servers.of_user(await hub.user())] == [""]


@pytest.mark.parametrize("page_name", ["home", "token"])
async def test_all_table_buttons_are_visible_on_phone(make_hub, page, page_name):
    hub = await make_hub(allow_named_servers=True)
    await page.set_viewport_size({"width": 360, "height": 720})
    await log_in(page, hub, then="/hub/spawn/alice/lab")
    await page.click("#start")  # the start is confirmed, because a link may have led to the login page
    await page.wait_for_url("**/user/alice/lab/**")
    await page.goto(f"{hub.address}/hub/{page_name}")
    buttons = page.locator("main button:visible")
    assert await buttons.count()
    for edges in [await button.bounding_box() for button in await buttons.all()]:
        assert edges["x"] + edges["width"] <= 360


async def test_token_is_requested_used_and_revoked(hub, page):
    await log_in(page, hub, then="/hub/token")
    assert await page.input_value("#token-expiration-seconds") == str(90 * 24 * 3600)
    await page.fill("#token-note", "script")
    await page.check("#extent-some")
    await page.click("#request-token-form [type=submit]")
    await text(page, "Choose at least one permission.")
    await page.get_by_label("Start and stop my servers").check()
    await page.click("#token-advanced summary")
    await page.fill("#token-scopes", "read:users!user")
    await page.click("#request-token-form [type=submit]")
    await page.wait_for_selector("#token-area:not([hidden])")
    token = (await page.inner_text("#token-result")).strip()
    [row] = await page.locator(".token-row").all()  # shown without a reload
    assert "Start and stop servers. (only you)" in await row.text_content()
    program = hub.browser(Authorization=f"token {token}")
    model = json.loads((await program.get("/hub/api/user")).body)
    assert {"servers!user=alice", "read:users!user=alice"} <= set(model["scopes"])
    assert "tokens!user=alice" not in model["scopes"]
    [record] = await hub.tokens.of_user(await hub.user())
    assert (record.expires_at - record.created).days in {89, 90}
    await page.click(".revoke-token-btn")
    await page.keyboard.press("Enter")  # on Cancel, which has the focus
    await page.wait_for_selector("dialog", state="detached")
    assert (await program.get("/hub/api/user")).code == 200
    await page.click(".revoke-token-btn")
    await page.click("dialog .danger")
    await page.wait_for_selector(".revoke-token-btn", state="detached")
    assert (await program.get("/hub/api/user")).code == 403


async def test_theme_is_remembered(hub, page):
    await page.goto(f"{hub.address}/hub/login")
    await page.click("#dark-theme-toggle")
    theme = await page.evaluate("document.documentElement.dataset.theme")
    await page.reload()
    await page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
