"""Requests with other spellings of the base URL and of names."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from plughub.domain.oauth import server_client_id
from plughub.domain.paths import former_path
from plughub.domain.urls import user_url
from plughub.testing.backends import ask
from plughub.testing.doubles import KnownUsers

BASE = "/it%27s%20(a)/".replace("(", "%28").replace(")", "%29")
SPELLINGS = (BASE, "/it's%20(a)/", "/%69t%27s%20%28a)/")
NAME = "o'neil;x"
PREFIX = user_url("/", NAME)
PAGE = {"Accept": "text/html,*/*"}


def location(answer):
    assert answer.code in {302, 303}, answer.body
    return answer.headers["Location"]


@pytest.mark.parametrize("base", SPELLINGS)
async def test_programs_can_use_every_spelling_of_base_url(make_hub, base):
    hub = await make_hub(base_url=BASE)
    browser = hub.browser()
    answer = await browser.get(f"{base}hub/api/")
    assert answer.code == 200
    assert answer.headers["X-JupyterHub-Version"]
    assert (await browser.get(f"{base}hub/nothing")).code == 404
    assert (await browser.ask("POST", f"{base}user/ada/api/kernels")).code == 424


async def test_browsers_are_redirected_to_spelling_of_cookie_path(make_hub):
    hub = await make_hub(base_url=BASE)
    browser = hub.browser()
    for base in SPELLINGS[1:]:
        answer = await browser.get(f"{base}hub/login?next={base}hub/home&x='", headers=PAGE)
        assert location(answer) == f"{BASE}hub/login?next={base}hub/home&x='"
    page = await browser.get(f"{BASE}hub/login", headers=PAGE)
    assert page.code == 200
    assert f"Path={BASE}hub/" in page.headers["Set-Cookie"]
    answer = await browser.log_in("alice", "wonder", f"{BASE}hub/login?next={SPELLINGS[1]}hub/token")
    assert location(answer) == f"{BASE}hub/token"


async def test_paths_outside_base_url_are_not_found(make_hub):
    hub = await make_hub(base_url=BASE)
    port = urlsplit(hub.address).port
    for path in (
        "//evil.example/",
        "//it's%20(a)/hub/",
        "/it's%20(a)%2F..%2F/hub/",
        "/x/..%2fit's%20(a)/hub/",
        "/IT's%20(a)/hub/home",
        "/it%2527s%20(a)/hub/home",
        "/it's/hub/home",
    ):
        answer = await ask(port, path, headers=PAGE)
        assert answer.status == 404, path
        assert "location" not in answer.headers


@pytest.fixture
async def hub(make_hub):
    return await make_hub(users=KnownUsers({NAME: "secret"}))


async def test_server_is_found_in_every_spelling(hub):
    browser = await hub.logged_in(NAME)
    spellings = (PREFIX, former_path(PREFIX), "/user/%6f'neil%3bx/")
    for spelling in spellings:
        answer = await browser.get(f"/hub{spelling}lab?x='%2F")
        assert answer.code == 424
        link = answer.body.decode().partition('href="/hub/spawn/')[2].partition('"')[0]
        assert parse_qs(urlsplit(link).query)["next"] == [f"{PREFIX}lab?x='%2F"]
    await hub.running(NAME)
    for spelling in spellings:
        answer = await browser.get(f"/hub{spelling}lab/tree/a%2Fb;c")
        assert location(answer) == f"{PREFIX}lab/tree/a%2Fb;c?redirects=1"
        model = json.loads((await browser.call("GET", f"/hub/api/users/{spelling.split('/')[2]}")).body)
        assert model["server"] == model["servers"][""]["url"] == PREFIX


async def test_server_login_works_in_every_spelling(hub):
    browser = await hub.logged_in(NAME)
    await hub.running(NAME)
    own = f"{PREFIX}oauth_callback"
    for sent in (own, former_path(own)):
        form = {"client_id": server_client_id(NAME, ""), "redirect_uri": sent, "response_type": "code"}
        target = location(await browser.get(f"/hub/api/oauth2/authorize?{urlencode(form)}"))
        assert target.startswith(f"{sent}?code=")
    for sent in (
        "/user/o%2527neil%253Bx/oauth_callback",
        "/user/O%27neil%3Bx/oauth_callback",
        f"{own}/",
        f"{own}?x",
        "/user/%6F%27neil%3Bx/oauth_callback",
        "/user/o%27neil%3Bx%2Foauth_callback",
    ):
        form = {"client_id": server_client_id(NAME, ""), "redirect_uri": sent, "response_type": "code"}
        answer = await browser.get(f"/hub/api/oauth2/authorize?{urlencode(form)}")
        assert answer.code == 400, sent
        assert "Location" not in answer.headers


async def test_groups_and_named_servers_are_found_in_every_spelling(make_hub):
    hub = await make_hub(allow_named_servers=True)
    admin = await hub.admin("admin:groups", "list:groups", "admin:users", "admin:servers", "shares")
    assert (await admin.call("POST", "/hub/api/groups/a+b;c%20(d)", {})).code == 201
    for spelling in ("a%2Bb%3Bc%20%28d%29", "a+b;c%20(d)", "%61+b%3bc%20(d)"):
        answer = await admin.call("GET", f"/hub/api/groups/{spelling}")
        assert json.loads(answer.body)["name"] == "a+b;c (d)"
    await hub.user(NAME)
    for spelling in ("lab", "l%61b"):
        answer = await admin.call("GET", f"/hub/api/users/o'neil;x/servers/{spelling}")
        assert answer.code in {200, 404}
