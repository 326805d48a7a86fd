"""Redirect targets: `next` first, else a default with the unchanged rest of the query."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from plughub.kinds import LoginMethod
from plughub.testing.hub import OPENED_BY_USER as TYPED

SENT = "a=1&a=2&b&c=&d=%20x%20&e=%C3%BC&f=%FF&g=1+2&h=a%26b&i=%2F"
NEXT = "/hub/token?x=1&y"


def location(answer):
    assert answer.code in {302, 303}, (answer.code, answer.body)
    return answer.headers["Location"]


def next_of(url):
    return parse_qs(urlsplit(url).query)["next"][-1]


@pytest.mark.parametrize("base", ["/", "/deep/prefix/"])
async def test_login_keeps_query(make_hub, base):
    hub = await make_hub(base_url=base)
    browser = hub.browser()
    root = location(await browser.get(f"{base}?{SENT}"))
    assert root == f"{base}hub/?{SENT}"
    login = location(await browser.get(root))
    assert next_of(login) == root
    page = (await browser.get(login)).body.decode()
    action = html.unescape(re.search(r'id="login_form" action="([^"]*)"', page)[1])
    form = {"username": "alice", "password": "wonder", "_xsrf": browser.xsrf}
    back = location(await browser.post(action, form=form))
    assert back == root
    assert location(await browser.get(back)) == f"{base}hub/spawn?{SENT}"


@pytest.mark.parametrize(
    "path", ["", "login", "spawn", "spawn/alice", "spawn-pending/alice", "login/onetime"]
)
async def test_server_gets_query(hub, path):
    browser = await hub.logged_in()
    await hub.running()
    own = "&next=//evil&_xsrf=x&n%65xt="
    own += "&username=y&password=z" if path.startswith("login") else ""
    own += "&token=t" if path.endswith("onetime") else ""
    assert location(await browser.get(f"/hub/{path}?{SENT}{own}", headers=TYPED)) == f"/user/alice/?{SENT}"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (f"/?{SENT}", f"/hub/?{SENT}"),
        (f"/tree?{SENT}", f"/hub/tree?{SENT}"),
        (f"/user/alice/lab?{SENT}", f"/hub/user/alice/lab?{SENT}"),
        (f"/hub/user/alice/lab?{SENT}&redirects=1", f"/user/alice/lab?{SENT}&redirects=2"),
        (f"/hub/spawn?{SENT}&opt-size=7&backend=tiny&display_name=A", f"/user/alice/?{SENT}"),
        (f"/hub/confirm?{SENT}&user=alice", f"/hub/home?{SENT}"),
    ],
)
async def test_redirects_to_running_server_keep_query(hub, path, target):
    browser = await hub.logged_in()
    await hub.running()
    assert location(await browser.get(path)) == target


async def test_user_redirect_keeps_query(hub):
    browser = await hub.logged_in()
    start = location(await browser.get(f"/hub/user-redirect/git-pull?{SENT}"))
    assert next_of(start) == f"/user/alice/git-pull?{SENT}"
    assert location(await browser.get(start)) == f"/user/alice/git-pull?{SENT}"
    anonymous = hub.browser()
    assert next_of(location(await anonymous.get(f"/hub/home?{SENT}"))) == f"/hub/home?{SENT}"


async def test_slow_start_keeps_query(make_hub):
    hub = await make_hub()
    hub.tiny.failure = "no room"
    browser = await hub.logged_in()
    pending = location(await browser.get("/hub/spawn?frog=wa%2Fter", headers=TYPED))
    assert pending == f"/hub/spawn-pending/alice?next={quote('/user/alice/?frog=wa%2Fter', safe='')}"
    stopped = location(await browser.get("/hub/user/alice/lab?frog=wa%2Fter"))
    assert next_of(stopped) == "/user/alice/lab?frog=wa%2Fter"


@pytest.mark.parametrize(
    "path", ["/hub/", "/hub/login", "/hub/spawn", "/hub/spawn-pending/alice", "/hub/confirm"]
)
@pytest.mark.parametrize("wanted", [NEXT, "//evil.example/x", "https://evil.example", "/\\evil.example"])
async def test_valid_next_takes_precedence(hub, path, wanted):
    browser = await hub.logged_in()
    await hub.running()
    target = location(await browser.get(f"{path}?{SENT}&next={quote(wanted, safe='')}"))
    default = "/hub/home" if path == "/hub/confirm" else "/user/alice/"
    assert target == (NEXT if wanted == NEXT else f"{default}?{SENT}")


@pytest.mark.parametrize(
    ("default", "target"),
    [
        ("/hub/welcome", "/hub/welcome?x=1&y"),
        ("https://portal.example/?p", "https://portal.example/?p&x=1&y"),
        (lambda handler: f"/hub/welcome?{handler.request.query}", "/hub/welcome?x=1&y"),
        (lambda handler: f"/hub/{getattr(handler.get_current_user(), 'name', 'nobody')}", "/hub/{}?x=1&y"),
    ],
)
async def test_default_url_applies_without_login(make_hub, default, target):
    hub = await make_hub(options={"default_url": default})
    anonymous, browser = hub.browser(), await hub.logged_in()
    assert location(await anonymous.get("/hub/?x=1&y")) == target.format("nobody")
    assert location(await browser.get("/hub/?x=1&y")) == target.format("alice")
    assert location(await browser.get("/hub/login?x=1&y")) == target.format("alice")
    assert location(await browser.get("/hub/?x=1&next=/hub/token")) == "/hub/token"
    asked = location(await anonymous.get("/hub/?next=/hub/token"))
    assert asked.startswith("/hub/login?next=")


async def test_empty_default_url_uses_built_in_target(make_hub):
    hub = await make_hub(options={"default_url": lambda _: ""})
    assert location(await hub.browser().get("/hub/?x=1")) == f"/hub/login?next={quote('/hub/?x=1', safe='')}"
    assert location(await (await hub.logged_in()).get("/hub/?x=1")) == "/hub/spawn?x=1"


async def test_one_time_link_does_not_pass_token_on(hub):
    token = await hub.links.create("alice")
    answer = await hub.browser().open_link(token, "&frog=1")
    assert location(answer) == "/hub/spawn?frog=1"


async def test_external_login_keeps_query(make_hub):
    hub = await make_hub(
        context={"login_methods": {"known": LoginMethod(form=False, url="oauth", label="SSO")}}
    )
    page = (await hub.browser().get("/hub/login?frog=wa%2Fter&username=x")).body.decode()
    link = next(html.unescape(link) for link in re.findall(r'href="([^"]*)"', page) if "oauth" in link)
    assert next_of(link) == "/hub/?frog=wa%2Fter"


@pytest.mark.parametrize(
    "path", ["", "hub", "hub/", "hub/login", "hub/home", "hub/spawn", "user/alice/lab", "tree"]
)
@pytest.mark.parametrize("name", ["alice", ""])
async def test_redirects_never_loop(hub, path, name):
    browser = await hub.logged_in(name) if name else hub.browser()
    answer, hops = await browser.get(f"/{path}?x=1"), 0
    while answer.code in {302, 303} and not answer.headers["Location"].startswith("/user/"):
        hops += 1
        assert hops < 5, answer.headers["Location"]
        answer = await browser.get(answer.headers["Location"])
    assert answer.code in {200, 302, 424, 404}
