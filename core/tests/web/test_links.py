"""Links that would change something when opened: the hub asks first unless one of its own pages led there."""

from __future__ import annotations

import html
import re

import pytest
import pytest_asyncio

from plughub.testing.doubles import TinyServers
from plughub.testing.hub import OPENED_BY_USER
from plughub.web.pages import spawn

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
    {"Referer": ""},
    {"Referer": "https://evil.example/hub/home"},
    {"Referer": "http://127.0.0.1.evil.example/"},
]
TYPED = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
OWN = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}


SHARED_HUB = {"allow_named_servers": True}
shares_hub = pytest.mark.asyncio(loop_scope="module")
"""Mark of tests in which no server is created or started, as the next one would notice."""


@pytest.fixture
def old_logins(monkeypatch):
    """Let the hub believe that all users logged in long ago."""
    monkeypatch.setattr(spawn, "RECENT_LOGIN_SECONDS", 0)


@pytest.fixture
def recent_logins(monkeypatch):
    """Let the hub believe that all users have just logged in."""
    monkeypatch.setattr(spawn, "RECENT_LOGIN_SECONDS", float("inf"))


@pytest.fixture
async def named_hub(make_hub, old_logins):
    return await make_hub(allow_named_servers=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def alice(shared_hub):
    """A browser that is logged in to the shared hub."""
    return await shared_hub.logged_in()


async def servers_of(hub, name="alice"):
    user = await hub.user(name)
    return {server.name: server for server in await hub.servers.of_user(user) if server.active or server.name}


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(
    "path",
    ["/hub/spawn", "/hub/spawn/alice/evil", "/hub/spawn?opt-image=bad", "/hub/spawn/alice/evil?opt-a=1"],
)
@shares_hub
async def test_external_link_creates_and_starts_nothing(shared_hub, alice, old_logins, headers, path) -> None:
    answer = await alice.get(path, headers=headers)
    assert (answer.code, b"Start this server?" in answer.body) == (200, True)
    assert await servers_of(shared_hub) == {}
    assert not shared_hub.tiny.started


@pytest.mark.parametrize("path", ["/hub/spawn/alice/lab", "/hub/spawn?backend=tiny"])
@shares_hub
async def test_typed_address_starts_no_other_server(shared_hub, alice, old_logins, path) -> None:
    assert b"Start this server?" in (await alice.get(path, headers=TYPED)).body
    assert not shared_hub.tiny.started


@pytest.mark.parametrize("path", ["/hub/spawn/alice/evil", "/hub/spawn"])
@pytest.mark.parametrize("query", ["opt-image=bad", "image=bad", "image"])
@pytest.mark.parametrize("before", ["login", "spawn-pending/alice", "confirm", "spawn"])
@shares_hub
async def test_hub_page_that_passes_its_query_on_is_not_trusted(
    shared_hub, alice, recent_logins, path, query, before
) -> None:
    headers = {**OWN, "Referer": f"{shared_hub.address}/hub/{before}?{query}"}
    assert b"Start this server?" in (await alice.get(f"{path}?{query}", headers=headers)).body
    assert not shared_hub.tiny.started


@pytest.mark.parametrize(
    "before",
    [
        "/hub/login?next=/hub/spawn/alice/evil",
        "/hub/login?next=%2Fhub%2Flogin%3Fnext%3D%252Fhub%252Fspawn%252Falice%252Fevil",
        "/hub/confirm?next=/hub/spawn/alice/evil",
        "/hub/spawn-pending/alice?next=/user/alice/../../hub/spawn/alice/evil",
        "/hub/spawn/alice?next=/spawn/alice/evil",
        "/",  # browsers shorten the referrer of a very long address
    ],
)
@pytest.mark.parametrize("site", [{}, {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}])
@shares_hub
async def test_hub_page_that_leads_to_next_is_not_trusted(
    shared_hub, alice, recent_logins, before, site
) -> None:
    headers = {**site, "Referer": f"{shared_hub.address}{before}"}
    answer = await alice.get("/hub/spawn/alice/evil?opt-image=bad", headers=headers)
    assert (answer.code, b"Start this server?" in answer.body) == (200, True)
    assert not shared_hub.tiny.started
    await shared_hub.user("bob")
    token = await shared_hub.links.create("bob")
    page = await alice.get(f"/hub/login/onetime?token={token}", headers=headers)
    assert b"Log in with this link?" in page.body


async def test_failure_page_restarts_without_confirmation(named_hub) -> None:
    browser = await named_hub.logged_in()
    before = f"{named_hub.address}/hub/spawn-pending/alice/lab?next=%2Fuser%2Falice%2Flab%2Ftree"
    answer = await browser.get("/hub/spawn/alice/lab", headers={**OWN, "Referer": before})
    assert (answer.code, len(named_hub.tiny.started)) == (302, 1)


@pytest.mark.parametrize("headers", [OWN, {}, TYPED])
async def test_default_server_starts_with_one_click(named_hub, headers) -> None:
    browser = await named_hub.logged_in()
    assert (await browser.get("/hub/spawn", headers=headers)).code == 302
    assert len(named_hub.tiny.started) == 1


OPTIONS = [
    ("opt-size=7", {"size": ["7"]}),
    ("size=7", {"size": ["7"]}),
    ("opt-size=7&size=8&note=x", {"size": ["7"]}),
    ("opt-opt-size=7&display_name=A", {"opt-size": ["7"]}),
    ("note=x&display_name=A&_xsrf=y&next=/user/alice/tree", {"note": ["x"]}),
    (
        "opt-note=%20x%20&opt-note=&opt-gr%C3%B6%C3%9Fe=a%0D%0Ab%26",
        {"note": [" x ", ""], "größe": ["a\r\nb&"]},
    ),
    ("opt-note", {"note": [""]}),
    ("opt-=1&opt-size=2", {"size": ["2"]}),
]
"""Queries of links, and the options that they mean."""


@pytest.mark.parametrize(("query", "options"), OPTIONS)
@pytest.mark.parametrize("path", ["/hub/spawn", "/hub/spawn/alice/lab"])
async def test_hub_pages_start_named_servers_without_confirmation(named_hub, path, query, options) -> None:
    browser = await named_hub.logged_in()
    named_hub.tiny.form = "<input name='size'><input name='note'>"
    answer = await browser.get(f"{path}?{query}", headers=OWN)
    assert (answer.code, named_hub.tiny.started[0].options) == (302, options)


@pytest.mark.parametrize(("query", "options"), OPTIONS)
async def test_typed_link_starts_own_default_server_with_options(named_hub, query, options) -> None:
    browser = await named_hub.logged_in()
    answer = await browser.get(f"/hub/spawn?{query}", headers=TYPED)
    assert (answer.code, named_hub.tiny.started[0].options) == (302, options)


def action_of(page: str) -> str:
    return html.unescape(re.search(r'action="([^"]*)"', page.partition("start_form")[2])[1])


@pytest.mark.parametrize(("query", "options"), OPTIONS)
async def test_external_link_asks_once_and_keeps_values(named_hub, query, options) -> None:
    named_hub.tiny.form = "<input name='size'><input name='note'>"
    browser = await named_hub.logged_in()
    page = (await browser.get(f"/hub/spawn/alice/lab?{query}", headers=FOREIGN[0])).body.decode()
    for name, values in options.items():
        for value in values:
            shown = f'<b class="exact">{html.escape(value)}</b>' if value else "<em>empty</em>"
            assert f"<li>{name}: {shown}</li>" in page
    assert "display_name:" not in page
    assert (await browser.post(action_of(page), form={"_linked": "yes"})).code == 403  # no token
    assert not named_hub.tiny.started
    answer = await browser.post(action_of(page), form={"_linked": "yes", "_xsrf": browser.xsrf})
    assert (answer.code, named_hub.tiny.started[0].options) == (302, options)


async def test_confirmation_page_states_start_and_button_starts_it(named_hub) -> None:
    browser = await named_hub.logged_in()
    path = "/hub/spawn/alice/lab?opt-size=7&opt-size=8&opt-image=%22%3Cb%3E&next=/user/alice/lab/tree"
    page = (await browser.get(path, headers=FOREIGN[0])).body.decode()
    for text in ("lab", ">7</b>", ">8</b>", "&#34;&lt;b&gt;", "/user/alice/lab/tree"):
        assert text in page, text
    form = {"_linked": "yes", "_xsrf": browser.xsrf}
    answer = await browser.post(action_of(page), form=form)
    assert answer.headers["Location"] == "/user/alice/lab/tree"
    assert named_hub.tiny.started[0].options == {"size": ["7", "8"], "image": ['"<b>']}
    assert set(await servers_of(named_hub)) >= {"lab"}


async def test_link_options_survive_spawner_choice(make_hub) -> None:
    hub = await make_hub(spawners={"large": TinyServers(label="Large")})
    browser = await hub.logged_in()
    page = (await browser.get("/hub/spawn?opt-note=%20x&opt-note", headers=FOREIGN[0])).body.decode()
    choice = next(link for link in re.findall(r'href="([^"]*)"', page) if "backend=large" in link)
    referer = f"{hub.address}/hub/spawn?opt-note=%20x&opt-note"
    asked = await browser.get(html.unescape(choice), headers={**OWN, "Referer": referer})
    assert b"Runs on: <b>Large</b>" in asked.body
    form = {"_linked": "yes", "_xsrf": browser.xsrf}
    assert (await browser.post(action_of(asked.body.decode()), form=form)).code == 302
    assert hub.spawners["large"].started[0].options == {"note": [" x", ""]}


async def test_link_with_refused_options_shows_form(named_hub) -> None:
    named_hub.tiny.form = "<input name='size'>"
    browser = await named_hub.logged_in()
    answer = await browser.get("/hub/spawn?size=big", headers=OWN)
    assert (answer.code, b"size must be a number, not big" in answer.body) == (400, True)
    assert b"spawn_form" in answer.body
    assert (await browser.get("/hub/spawn?opt-x=%FF", headers=OWN)).code == 400
    assert not named_hub.tiny.started


@pytest.mark.parametrize("query", ["frog=wa%2Fter", "opt-size=7"])
async def test_retry_after_failed_start_keeps_options(named_hub, query) -> None:
    named_hub.tiny.failure = "no room"
    browser = await named_hub.logged_in()
    pending = (await browser.get(f"/hub/spawn?{query}", headers=OWN)).headers["Location"]
    page = (await browser.get(pending)).body.decode()
    again = html.unescape(re.search(r'id="start"[^>]*href="([^"]*)"', page)[1])
    named_hub.tiny.failure = ""
    answer = await browser.get(again, headers={**OWN, "Referer": f"{named_hub.address}{pending}"})
    kept = f"?{query}" if "frog" in query else ""
    assert answer.headers["Location"] == f"/user/alice/{kept}"
    assert named_hub.tiny.started[-1].options == named_hub.tiny.started[0].options != {}


async def test_course_link_leads_through_start_page_to_target(named_hub) -> None:
    browser = await named_hub.logged_in()
    first = await browser.get("/hub/user-redirect/git-pull?repo=x", headers=FOREIGN[0])
    page = await browser.get(first.headers["Location"], headers=FOREIGN[0])
    assert b"git-pull?repo=x" in page.body
    form = {"_linked": "yes", "_xsrf": browser.xsrf}
    answer = await browser.post(action_of(page.body.decode()), form=form)
    assert answer.headers["Location"].endswith("/user/alice/git-pull?repo=x")
    assert len(named_hub.tiny.started) == 1


async def test_default_server_starts_at_once_after_external_login(make_hub) -> None:
    hub = await make_hub(allow_named_servers=True)
    browser = await hub.logged_in()
    assert b"Start this server?" in (await browser.get("/hub/spawn/alice/x", headers=FOREIGN[0])).body
    assert (await browser.get("/hub/spawn", headers=FOREIGN[0])).code == 302


@pytest.mark.parametrize("headers", [*FOREIGN, TYPED])
async def test_only_hub_page_link_logs_out(hub, headers) -> None:
    browser = await hub.logged_in()
    answer = await browser.get("/hub/logout", headers=headers)
    assert (answer.code, b"Log out?" in answer.body) == (200, True)
    assert (await browser.get("/hub/home")).code == 200
    assert (await browser.get("/hub/logout", headers=OWN)).code == 302
    assert (await browser.get("/hub/home")).code == 302


@pytest.mark.parametrize(
    ("headers", "logged_in"),
    [
        (OPENED_BY_USER | FOREIGN[0], False),
        (OPENED_BY_USER | FOREIGN[0], True),
        (FOREIGN[2], True),
        (FOREIGN[2], False),
        (TYPED, False),
        (OPENED_BY_USER | {"Sec-Fetch-User": ""}, False),
        (OPENED_BY_USER | {"Sec-Fetch-Dest": "iframe"}, False),
    ],
)
async def test_login_link_asks_unless_user_opened_it(hub, headers, logged_in) -> None:
    await hub.user("bob")
    browser = await hub.logged_in() if logged_in else hub.browser()
    token = await hub.links.create("bob")
    page = await browser.get(f"/hub/login/onetime?token={token}", headers=headers)
    assert (page.code, b"Log in with this link?" in page.body) == (200, True)
    assert (await browser.post("/hub/login/onetime", form={"token": token})).code == 403
    answer = await browser.post("/hub/login/onetime", form={"token": token, "_xsrf": browser.xsrf})
    assert answer.code == 302
    assert b"bob" in (await browser.get("/hub/home")).body


async def test_printed_login_link_logs_in_at_once(hub) -> None:
    assert (await hub.browser().open_link(await hub.links.create("alice"))).code == 302


async def test_login_link_preview_reveals_nothing_and_keeps_link(hub) -> None:
    token = await hub.links.create("carol")
    for agent in ("Slackbot-LinkExpanding 1.0", "curl/8"):
        page = await hub.browser(**{"Referer": "", "User-Agent": agent}).get(
            f"/hub/login/onetime?token={token}"
        )
        assert (page.code, b"carol" in page.body, b"<form" in page.body) == (200, False, True)
    assert (await hub.browser().open_link(token)).code == 302


@pytest.mark.parametrize("referer", ["{}/", "{}/hub/login?next=/hub/spawn%3Fopt-image=bad"])
@shares_hub
async def test_hub_page_that_may_pass_login_link_on_is_not_trusted(
    shared_hub, alice, old_logins, referer
) -> None:
    headers = {**OWN, "Referer": referer.format(shared_hub.address)}
    answer = await alice.get("/hub/spawn?opt-image=bad", headers=headers)
    assert b"Start this server?" in answer.body
    assert not shared_hub.tiny.started
