"""Logins and logouts on pages of plugins."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from plughub.domain.errors import StartError
from plughub.domain.events import EventKind
from plughub.handlers import LoginPage, PageHandler
from plughub.kinds import Event, Identity, Login, LoginMethod, Page, Refusal
from plughub.markers import hookimpl
from plughub.testing.doubles import KnownUsers
from plughub.web.plugin_pages import PluginPage, check_pages

ELSEWHERE = LoginMethod(label="Card", url="card/return")


class ReturnPage(PageHandler):
    """Page to which an external login leads back."""

    async def get(self):
        identity = Identity(name=self.get_argument("name"), plugin="other", admin=True)
        self.redirect(await self.log_in(identity, self.get_argument("onward", "")))


class FormPage(PageHandler):
    """Login page of a plugin."""

    async def get(self):
        self.set_header("X-XSRF", self.xsrf_token)
        self.finish(f"login page of {self.plugin}")

    async def post(self):
        self.redirect(await self.log_in_with_form("alice", self.get_argument("word"), {"color": "red"}))


class OwnLoginPage(LoginPage):
    """Login page that looks like the hub's."""

    def show(self, *, username="", error=""):
        self.finish(f"form of {self.plugin} for {username}: {error}")


class LinkedPage(PageHandler):
    """Page that reports whether another site led to it."""

    def get(self):
        self.finish(str(self.is_from_elsewhere))


class LogoutPage(PageHandler):
    """Logout page of a plugin."""

    async def get(self):
        await self.log_out()
        self.redirect("https://card.example/logout")


class WatchingPlugin:
    """Plugin that refuses the user ``mallory`` and collects events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @hookimpl
    async def hub_authorize_login(self, identity: Identity) -> Refusal | None:
        return Refusal("not today") if identity.name == "mallory" else None

    @hookimpl
    async def hub_event(self, event: Event) -> None:
        self.events.append(event)


class BadgeUser(RequestHandler):
    """User of the code, at the service of the example."""

    def get(self, code):
        self.finish({"c1": "carol", "c2": "mallory"}[code])


def documented_plugin() -> ModuleType:
    page = (Path(__file__).parents[3] / "docs" / "plugins.md").read_text()
    [text] = [
        block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "badge-state" in block
    ]
    plugin = ModuleType("plughub_badge")
    exec(compile(text, "docs/plugins.md", "exec"), vars(plugin))
    return plugin


PAGES = (
    Page(path="/card/return", handler=ReturnPage),
    Page(path="/login", handler=FormPage),
    Page(path="/logout", handler=LogoutPage),
)


@pytest.fixture
async def hub(make_hub):
    users = KnownUsers({"alice": "wonder", "bob": "builder"}, method=ELSEWHERE)
    return await make_hub(users=users, pages=PAGES, plugins={"watching": WatchingPlugin()})


async def names_of_sessions(hub):
    def read(tx):
        users = [user for name in ("alice", "bob", "carol", "mallory") if (user := tx.users.get(name))]
        return [(user.name, session.plugin) for user in users for session in tx.sessions.of_user(user.id)]

    return await hub.store.read(read)


async def test_a_page_logs_a_user_in(hub):
    browser = hub.browser()
    answer = await browser.get("/hub/card/return?name=Carol&code=secret")
    assert (answer.code, answer.headers["Location"]) == (302, "/hub/spawn")
    assert (await browser.get("/hub/home")).code == 200
    assert await names_of_sessions(hub) == [("carol", "known")]


@pytest.mark.parametrize(
    ("query", "location"),
    [
        ("next=/hub/token", "/hub/token"),
        ("onward=/hub/token", "/hub/token"),
        ("onward=/hub/token&next=/hub/home", "/hub/token"),
        ("next=https://evil.example/", "/hub/spawn"),
        ("onward=//evil.example/", "/hub/spawn"),
    ],
)
async def test_a_login_continues_at_addresses_of_the_hub_only(hub, query, location):
    answer = await hub.browser().get(f"/hub/card/return?name=carol&{query}")
    assert answer.headers["Location"] == location


async def test_another_plugin_may_refuse_a_login_of_a_page(hub):
    browser = hub.browser()
    answer = await browser.get("/hub/card/return?name=mallory")
    assert answer.code == 403
    assert b"not today" in answer.body
    assert {name for name, _ in browser.cookies} == {"_xsrf"}
    assert await names_of_sessions(hub) == []


async def test_a_login_of_a_page_replaces_the_session_of_the_browser(hub):
    browser = await hub.logged_in("bob")
    await browser.get("/hub/card/return?name=carol")
    assert await names_of_sessions(hub) == [("carol", "known")]


async def test_only_pages_of_authenticators_log_in(make_hub, caplog):
    pages = (PluginPage("watching", PAGES[0]), PluginPage("", PAGES[1]))
    hub = await make_hub(pages=pages, plugins={"watching": WatchingPlugin()})
    browser = hub.browser()
    assert (await browser.get("/hub/card/return?name=carol")).code == 403
    assert "plugin 'watching' cannot log users in" in caplog.text
    hub.active.retire("known", "authenticator")
    assert await names_of_sessions(hub) == []


async def test_a_page_of_a_replaced_authenticator_does_not_log_in(hub):
    hub.active.retire("known", "authenticator")
    assert (await hub.browser().get("/hub/card/return?name=carol")).code == 403


async def test_a_form_of_a_page_asks_its_plugin_only_and_counts_wrong_passwords(make_hub):
    other = KnownUsers({"alice": "guessed"})
    hub = await make_hub(pages=PAGES, plugins={"other": other})
    browser = hub.browser()
    await browser.get("/hub/login")
    refused = await browser.post("/hub/login/known", form={"word": "guessed", "_xsrf": browser.xsrf})
    assert refused.code == 403
    assert other.asked == []
    assert hub.users.asked[0].form == {"color": "red"}
    for _ in range(12):
        refused = await browser.post("/hub/login/known", form={"word": "wrong", "_xsrf": browser.xsrf})
    assert refused.code == 429
    assert len(hub.users.asked) < 12


async def test_a_form_of_a_page_logs_in(make_hub):
    hub = await make_hub(pages=PAGES)
    browser = hub.browser()
    await browser.get("/hub/login")
    assert (await browser.post("/hub/login/known", form={"word": "wonder"})).code == 403
    answer = await browser.post(
        "/hub/login/known?next=/hub/token", form={"word": "wonder", "_xsrf": browser.xsrf}
    )
    assert (answer.code, answer.headers["Location"]) == (302, "/hub/token")
    assert await names_of_sessions(hub) == [("alice", "known")]


async def test_the_login_page_of_the_only_authenticator_takes_the_place_of_the_hubs(make_hub):
    hub = await make_hub(pages=PAGES)
    for path in ("/hub/login", "/hub/login/known"):
        assert (await hub.browser().get(path)).body == b"login page of known"


async def test_several_authenticators_share_the_hubs_login_page(make_hub):
    other = KnownUsers({}, method=LoginMethod(label="GitHub", url="oauth_login"))
    pages = (*PAGES, PluginPage("o'ther", Page(path="/login", handler=FormPage)))
    hub = await make_hub(pages=pages, plugins={"github": other, "o'ther": KnownUsers({})})
    page = (await hub.browser().get("/hub/login?next=/hub/token")).body.decode()
    assert 'href="/hub/login/known?next=%2Fhub%2Ftoken"' in page
    assert 'href="/hub/oauth_login?next=%2Fhub%2Ftoken"' in page
    url = re.search(r'href="(/hub/login/o[^"]+)"', page)[1]
    assert (await hub.browser().get(url)).body == b"login page of o'ther"
    assert "password_input" not in page


async def test_a_logout_leads_to_the_logout_page_of_the_plugin(hub):
    browser = hub.browser()
    await browser.get("/hub/card/return?name=carol")
    answer = await browser.get("/hub/logout")
    assert answer.headers["Location"] == "/hub/logout/known"
    assert len(await names_of_sessions(hub)) == 1
    answer = await browser.get("/hub/logout/known")
    assert answer.headers["Location"] == "https://card.example/logout"
    assert await names_of_sessions(hub) == []
    await hub.events.drain()
    assert [event.kind for event in hub.more_plugins["watching"].events][-1] is EventKind.LOGOUT


async def test_a_link_of_another_site_does_not_log_out(hub):
    browser = hub.browser()
    await browser.get("/hub/card/return?name=carol")
    answer = await browser.get("/hub/logout/known", headers={"Referer": "https://evil.example/"})
    assert answer.headers["Location"] == "/hub/logout"
    assert len(await names_of_sessions(hub)) == 1


@pytest.mark.parametrize("address", ["https://card.example/bye", "card/bye", "/card/bye", "/hub/card/bye"])
async def test_an_authenticator_names_where_a_logout_leads(make_hub, address):
    method = LoginMethod(url="card/return", logout_redirect=address)
    hub = await make_hub(users=KnownUsers({}, method=method), pages=PAGES[:1])
    browser = hub.browser()
    await browser.get("/hub/card/return?name=carol")
    answer = await browser.get("/hub/logout")
    expected = address if address.startswith("https") else "/hub/card/bye"
    assert answer.headers["Location"] == expected
    assert await names_of_sessions(hub) == []


@pytest.fixture
async def badges(make_hub):
    """Hub with the plugin of the documentation, and its login service."""
    plugin = documented_plugin()
    service = HTTPServer(Application([("/user/(.*)", BadgeUser)]))
    sockets = bind_sockets(0, "127.0.0.1")
    service.add_sockets(sockets)
    plugin.SERVICE = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    pages = [PluginPage("badge", page) for page in plugin.hub_register_pages()]
    yield await make_hub(pages=pages, plugins={"badge": plugin, "watching": WatchingPlugin()})
    service.stop()
    await service.close_all_connections()


async def begin(browser, query=""):
    answer = await browser.get(f"/hub/badge/begin{query}")
    return parse_qs(urlsplit(answer.headers["Location"]).query)["state"][0]


async def test_the_documented_login_at_another_site(badges):
    browser = badges.browser()
    state = await begin(browser, "?next=/hub/token")
    answer = await browser.get(f"/hub/badge/return?code=c1&state={state}")
    assert (answer.code, answer.headers["Location"]) == (302, "/hub/token")
    assert await names_of_sessions(badges) == [("carol", "badge")]
    assert (await browser.get("/hub/logout")).headers["Location"].endswith("/logout")


@pytest.mark.parametrize("code_and_state", ["c1&state=forged", "c1", "c1&state=", "c2&state={}"])
async def test_the_documented_login_refuses_forged_requests_and_vetoed_users(badges, code_and_state):
    browser = badges.browser()
    if "{}" not in code_and_state:
        assert (await badges.browser().get(f"/hub/badge/return?code={code_and_state}")).code == 403
    state = await begin(browser)
    answer = await browser.get(f"/hub/badge/return?code={code_and_state.format(state)}")
    assert answer.code == 403
    assert await names_of_sessions(badges) == []


class TrustingPlugin:
    """Authenticator that relies on its page."""

    def __init__(self) -> None:
        self.asked: list[bool] = []

    @hookimpl
    async def hub_authenticate(self, login: Login) -> Identity | None:
        self.asked.append(login.own_page)
        return None


async def test_an_authenticator_knows_which_logins_come_from_its_own_page(make_hub):
    trusting = TrustingPlugin()
    page = PluginPage("trusting", Page(path="/form", handler=FormPage))
    hub = await make_hub(plugins={"trusting": trusting}, pages=(page,))
    await hub.browser().log_in("carol", "wrong")
    browser = hub.browser()
    token = (await browser.get("/hub/form")).headers["X-XSRF"]
    await browser.post("/hub/form", form={"_xsrf": token, "word": "any"})
    assert trusting.asked == [False, True]


def test_two_plugins_with_one_page_are_refused():
    pages = [
        PluginPage(name, Page(path=path, handler=FormPage)) for name in "ab" for path in ("/login", "/x")
    ]
    with pytest.raises(StartError, match="plugin 'a' and plugin 'b' have the same page /x"):
        check_pages(pages)
    check_pages([*pages[:2], pages[2], pages[0]])


async def test_a_login_page_of_a_plugin_shows_errors_above_its_form_and_accepts_an_expired_one(make_hub):
    users = KnownUsers({"alice": "wonder"})
    hub = await make_hub(users=users, pages=(Page(path="/card", handler=OwnLoginPage),))
    browser = hub.browser()
    form = {"username": "alice", "password": "wrong", "_xsrf": "forged"}
    assert (await browser.get("/hub/card")).body == b"form of known for : "
    refused = await browser.post("/hub/card", form=form)
    assert (refused.code, b"for alice: The login form has expired" in refused.body) == (403, True)
    token = browser.xsrf
    browser.cookies.clear()
    from_hub = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
    form["_xsrf"] = token
    expired = await browser.post("/hub/card", form=form, headers=from_hub)
    assert b"for alice: Invalid username or password" in expired.body
    form["password"] = "wonder"
    logged_in = await browser.post("/hub/card?next=/hub/token", form=form, headers=from_hub)
    assert (logged_in.code, logged_in.headers["Location"]) == (302, "/hub/token")


@pytest.mark.parametrize(
    ("headers", "is_from_elsewhere"),
    [
        ({}, False),  # the browser names a page of the hub as the referrer
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Referer": "http://evil.example/"}, False),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Referer": "http://evil.example/"}, True),
    ],
)
async def test_a_page_knows_whether_another_site_led_to_it(make_hub, headers, is_from_elsewhere):
    hub = await make_hub(pages=(Page(path="/linked", handler=LinkedPage),))
    answer = await hub.browser(**headers).get("/hub/linked")
    assert answer.body.decode() == str(is_from_elsewhere)
