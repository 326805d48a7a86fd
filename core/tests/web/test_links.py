"""Links that would change something when they are opened: the hub asks first unless it led there itself."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from plughub.web.pages import spawn

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
    {"Referer": ""},
    {"Referer": "https://evil.example/hub/home"},
    {"Referer": "http://127.0.0.1.evil.example/"},
]
TYPED = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
OWN = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Referer": ""}


@pytest.fixture
async def named_hub(make_hub, monkeypatch):
    monkeypatch.setattr(spawn, "JUST_NOW", 0)  # as if all had logged in a while ago
    return await make_hub(allow_named_servers=True)


async def servers_of(hub, name="alice"):
    user = await hub.user(name)
    return {server.name: server for server in await hub.servers.of_user(user) if server.active or server.name}


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(
    "path",
    ["/hub/spawn", "/hub/spawn/alice/evil", "/hub/spawn?opt-image=bad", "/hub/spawn/alice/evil?opt-a=1"],
)
async def test_a_link_from_elsewhere_makes_and_starts_nothing(named_hub, headers, path) -> None:
    browser = await named_hub.logged_in()
    answer = await browser.get(path, headers=headers)
    assert (answer.code, b"Start this server?" in answer.body) == (200, True)
    assert await servers_of(named_hub) == {}
    assert not named_hub.tiny.started


@pytest.mark.parametrize(
    "path", ["/hub/spawn/alice/lab", "/hub/spawn?opt-image=bad", "/hub/spawn?backend=tiny"]
)
async def test_a_typed_address_starts_no_other_server_and_with_no_options(named_hub, path) -> None:
    browser = await named_hub.logged_in()
    assert b"Start this server?" in (await browser.get(path, headers=TYPED)).body
    assert not named_hub.tiny.started


@pytest.mark.parametrize(
    "before",
    [
        "/hub/login?next=/hub/spawn/alice/evil",
        "/hub/login?next=%2Fhub%2Flogin%3Fnext%3D%252Fhub%252Fspawn%252Falice%252Fevil",
        "/hub/confirm?next=/hub/spawn/alice/evil",
        "/hub/spawn-pending/alice?next=/user/alice/../../hub/spawn/alice/evil",
        "/hub/spawn/alice?next=/spawn/alice/evil",
        "/",  # what browsers send for a very long address
    ],
)
@pytest.mark.parametrize("site", [{}, {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}])
async def test_a_page_that_leads_where_its_address_says_is_not_the_hubs_word(make_hub, before, site) -> None:
    hub = await make_hub(allow_named_servers=True)
    browser = await hub.logged_in()
    headers = {**site, "Referer": f"{hub.address}{before}"}
    answer = await browser.get("/hub/spawn/alice/evil?opt-image=bad", headers=headers)
    assert (answer.code, b"Start this server?" in answer.body) == (200, True)
    assert not hub.tiny.started
    await hub.user("bob")
    page = await browser.get(f"/hub/login/onetime?token={await hub.links.make('bob')}", headers=headers)
    assert b"Log in with this link?" in page.body


async def test_a_start_is_repeated_at_once_from_the_page_that_says_why_it_failed(named_hub) -> None:
    browser = await named_hub.logged_in()
    before = f"{named_hub.address}/hub/spawn-pending/alice/lab?next=%2Fuser%2Falice%2Flab%2Ftree"
    answer = await browser.get("/hub/spawn/alice/lab", headers={**OWN, "Referer": before})
    assert (answer.code, len(named_hub.tiny.started)) == (302, 1)


@pytest.mark.parametrize("headers", [OWN, {}, TYPED])
async def test_the_default_server_starts_with_one_click_of_the_user(named_hub, headers) -> None:
    browser = await named_hub.logged_in()
    assert (await browser.get("/hub/spawn", headers=headers)).code == 302
    assert len(named_hub.tiny.started) == 1


@pytest.mark.parametrize("headers", [OWN, {}])
async def test_pages_of_the_hub_lead_to_named_servers_and_options_at_once(named_hub, headers) -> None:
    browser = await named_hub.logged_in()
    answer = await browser.get("/hub/spawn/alice/lab?opt-size=7", headers=headers)
    assert answer.code == 302
    assert named_hub.tiny.started[0].options == {"size": ["7"]}


async def test_the_page_says_what_will_be_done_and_its_button_does_it(named_hub) -> None:
    browser = await named_hub.logged_in()
    path = "/hub/spawn/alice/lab?opt-size=7&opt-size=8&opt-image=%22%3Cb%3E&next=/user/alice/lab/tree"
    page = (await browser.get(path, headers=FOREIGN[0])).body.decode()
    for said in ("lab", "size: <b>7</b>", "size: <b>8</b>", "&#34;&lt;b&gt;", "/user/alice/lab/tree"):
        assert said in page, said
    action = re.search(r'action="([^"]*)"', page.partition("start_form")[2])[1].replace("&amp;", "&")
    assert parse_qs(urlsplit(action).query) == {"next": ["/user/alice/lab/tree"]}
    form = {"size": ["7", "8"], "image": '"<b>'}
    assert (await browser.post(action, form=form)).code == 403  # no token
    assert not named_hub.tiny.started
    answer = await browser.post(action, form={**form, "_xsrf": browser.xsrf})
    assert (answer.code, named_hub.tiny.started[0].options) == (302, {"size": ["7", "8"], "image": ['"<b>']})
    assert set(await servers_of(named_hub)) >= {"lab"}


async def test_a_link_of_a_course_leads_to_the_start_page_and_then_where_it_wants(named_hub) -> None:
    browser = await named_hub.logged_in()
    first = await browser.get("/hub/user-redirect/git-pull?repo=x", headers=FOREIGN[0])
    page = await browser.get(first.headers["Location"], headers=FOREIGN[0])
    assert b"git-pull?repo=x" in page.body
    action = re.search(rb'action="([^"]*)"', page.body.partition(b"start_form")[2])[1].decode()
    answer = await browser.post(action.replace("&amp;", "&"), form={"_xsrf": browser.xsrf})
    assert answer.headers["Location"].endswith("/user/alice/git-pull?repo=x")
    assert len(named_hub.tiny.started) == 1


async def test_who_has_just_logged_in_elsewhere_gets_the_default_server_at_once(make_hub) -> None:
    hub = await make_hub(allow_named_servers=True)
    browser = await hub.logged_in()
    assert b"Start this server?" in (await browser.get("/hub/spawn/alice/x", headers=FOREIGN[0])).body
    assert (await browser.get("/hub/spawn", headers=FOREIGN[0])).code == 302


@pytest.mark.parametrize("headers", [*FOREIGN, TYPED])
async def test_only_a_page_of_the_hub_logs_out_by_a_link(hub, headers) -> None:
    browser = await hub.logged_in()
    answer = await browser.get("/hub/logout", headers=headers)
    assert (answer.code, b"Log out?" in answer.body) == (200, True)
    assert (await browser.get("/hub/home")).code == 200
    assert (await browser.get("/hub/logout", headers=OWN)).code == 302
    assert (await browser.get("/hub/home")).code == 302


@pytest.mark.parametrize(
    ("headers", "logged_in"), [(FOREIGN[0], False), (FOREIGN[0], True), (FOREIGN[2], True)]
)
async def test_a_login_link_from_elsewhere_asks_first(hub, headers, logged_in) -> None:
    await hub.user("bob")
    browser = await hub.logged_in() if logged_in else hub.browser()
    token = await hub.links.make("bob")
    page = await browser.get(f"/hub/login/onetime?token={token}", headers=headers)
    assert (page.code, b"Log in with this link?" in page.body) == (200, True)
    assert (await browser.post("/hub/login/onetime", form={"token": token})).code == 403
    answer = await browser.post("/hub/login/onetime", form={"token": token, "_xsrf": browser.xsrf})
    assert answer.code == 302
    assert b"bob" in (await browser.get("/hub/home")).body


@pytest.mark.parametrize("headers", [TYPED, FOREIGN[2]])
async def test_a_printed_login_link_lets_in_at_once(hub, headers) -> None:
    token = await hub.links.make("alice")
    assert (await hub.browser().get(f"/hub/login/onetime?token={token}", headers=headers)).code == 302
