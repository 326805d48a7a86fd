"""Confirmation of the login before sensitive actions."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest

from plughub.domain.origins import Origins
from plughub.kinds import LoginMethod
from plughub.services.settings import HubSettings, LoginPolicy
from plughub.testing.doubles import KnownUsers
from plughub.web.api.calls import calls_of
from plughub.web.api_routes import CALLS
from plughub.web.page_routes import PAGES

CHANGING = [call for call in CALLS if call.method not in {"GET", "HEAD"}]
OF_OTHERS = {
    "name": "bob",
    "server": "lab",
    "token": "a999",
    "session": "s999",
    "group": "class",
    "service": "cull",
    "owner": "carol",
}
OWN = OF_OTHERS | {"name": "root"}
NEVER = {
    "POST /authorizations/token",  # they have no effect
    "POST /authorizations/token/{token}",
    "POST /users/{name}/admin-access",
    "POST /oauth2/authorize",  # it only identifies the user to a server or service
    "POST /oauth2/token",  # it accepts no cookie
}
ALONE = {
    "POST /users/{name}/activity",
    "POST /users/{name}/server",
    "PUT /users/{name}/server",
    "PATCH /users/{name}/server",
    "DELETE /users/{name}/server",
    "POST /users/{name}/servers/{server}",
    "PUT /users/{name}/servers/{server}",
    "PATCH /users/{name}/servers/{server}",
    "DELETE /users/{name}/servers/{server}",
    "PUT /users/{name}/server/announced-stop",
    "DELETE /users/{name}/server/announced-stop",
    "PUT /users/{name}/servers/{server}/announced-stop",
    "DELETE /users/{name}/servers/{server}/announced-stop",
    "DELETE /users/{name}/tokens/{token}",
    "DELETE /users/{name}/sessions",
    "DELETE /users/{name}/sessions/{session}",
    "DELETE /users/{name}/shared/{owner}/{server}",
    "PATCH /shares/{name}/{server}",
    "DELETE /shares/{name}/{server}",
    "DELETE /share-codes/{name}/{server}",
}
"""What changes nothing beyond the calling user."""


def name_of(call):
    return f"{call.method} {call.path}"


async def test_only_hub_pages_prefill_token_form(hub):
    browser = await hub.logged_in("root")
    path = "/hub/token?note=%22%3E%3Cb%3E&scopes=self&expires_in=3600"
    own = await browser.get(path, headers={"Sec-Fetch-Site": "same-origin"})
    assert b'value="&#34;&gt;&lt;b&gt;"' in own.body
    assert b'value="self"' in own.body
    for site in ("cross-site", "same-site"):
        other = await browser.get(path, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"})
        assert other.code == 200
        assert b'value="self"' not in other.body
    assert not await hub.tokens.of_user(await hub.user("root"))


async def grow_old(hub, seconds=10_000):
    await hub.store.database.write(
        lambda c: c.exec_driver_sql(
            f"UPDATE plughub_sessions SET authenticated_at = authenticated_at - {int(seconds)}"
        )
    )
    hub.tokens.cache.clear()


@pytest.fixture
async def hub(make_hub):
    hub = await make_hub(confirm_within=600.0, allow_named_servers=True)
    for name in ("bob", "carol", "root"):
        await hub.user(name)
    await hub.store.write(lambda tx: tx.groups.create(["class"]))
    return hub


@pytest.fixture
async def root(hub):
    browser = await hub.logged_in("root")
    await grow_old(hub)
    return browser


async def asks(browser, call, parts):
    """Return whether a call needs a confirmation."""
    path = call.path
    for part, value in parts.items():
        path = path.replace(f"{{{part}}}", value)
    model = {} if call.body is not None or call.method == "POST" else None
    answer = await browser.call(call.method, f"/hub/api{path}", model)
    asked = b"confirm_url" in answer.body
    if asked:
        assert (answer.code, json.loads(answer.body)["confirm_url"]) == (403, "/hub/confirm")
        assert not answer.headers.get_list("Set-Cookie")
    return asked


def test_table_lists_existing_calls():
    assert {*NEVER, *ALONE} <= {name_of(call) for call in CHANGING}
    assert len(CHANGING) > len(NEVER) + len(ALONE) + 15


def test_table_covers_all_changing_pages():
    paths = {call.path for call in calls_of(PAGES) if call.method != "GET"}
    changing = {re.sub(r"\(\[\^/\][+*]\)", "{}", path) for path in paths}
    assert changing == {
        "/login",
        "/login/onetime",  # refuses
        "/logout",
        "/confirm",
        "/spawn/",  # starts servers; those of other users are tested below
        "/spawn/{}/",
        "/spawn/{}/{}",
        "/user/{}((?:/.*)?)",  # reports a stopped server
        "/accept-share",  # accepts a share
        "/security/csp-report",
    }


@pytest.mark.parametrize("call", CHANGING, ids=name_of)
async def test_calls_on_other_users_resources_need_confirmation(root, call):
    assert await asks(root, call, OF_OTHERS) is (name_of(call) not in NEVER)


@pytest.mark.parametrize("call", [call for call in CHANGING if "{name}" in call.path], ids=name_of)
async def test_own_tokens_shares_and_admin_actions_need_confirmation(hub, root, call):
    assert await asks(root, call, OWN) is (name_of(call) not in NEVER | ALONE)


async def test_recent_login_needs_no_confirmation(hub):
    root = await hub.logged_in("root")
    assert not await asks(root, next(c for c in CALLS if name_of(c) == "POST /groups"), OF_OTHERS)
    assert (await root.call("POST", "/hub/api/users/root/tokens", {})).code == 201


async def test_programs_need_no_confirmation(hub, root):
    program = await hub.admin()
    await grow_old(hub)
    assert (await program.post("/hub/api/users/bob/tokens", model={})).code == 201


async def test_no_effect_before_confirmation(hub, root):
    assert (await root.call("POST", "/hub/api/users/root/tokens", {})).code == 403
    assert (await root.call("POST", "/hub/api/groups/other", {})).code == 403
    assert (await root.call("DELETE", "/hub/api/users/bob")).code == 403
    assert not await hub.tokens.of_user(await hub.user("root"))
    assert await hub.store.read(lambda tx: (tx.groups.get("other"), tx.users.get("bob") is not None)) == (
        None,
        True,
    )


async def test_missing_permission_is_refused_without_confirmation(hub):
    alice = await hub.logged_in("alice")
    await grow_old(hub)
    for path in ("/hub/api/users/bob/tokens", "/hub/api/groups/other"):
        answer = await alice.call("POST", path, {})
        assert answer.code == 403
        assert b"confirm_url" not in answer.body


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_starting_another_users_server_redirects_to_confirmation(hub, root, method):
    form = {"_xsrf": root.xsrf} if method == "POST" else None
    answer = await root.ask(method, "/hub/spawn/bob", form=form)
    assert (answer.code, answer.headers["Location"]) == (302, "/hub/confirm?next=%2Fhub%2Fspawn%2Fbob")
    assert not hub.tiny.started
    own = await root.ask(method, "/hub/spawn/root", form=form)
    assert "confirm" not in own.headers["Location"]


async def confirm(browser, name, password, to="/hub/token"):
    page = f"/hub/confirm?next={quote(to, safe='')}"
    shown = await browser.get(page)
    assert shown.code == 200, shown.headers
    assert 'name="username" type="text"' in shown.body.decode()
    return await browser.post(page, form={"username": name, "password": password, "_xsrf": browser.xsrf})


async def test_password_confirms_action(hub, root):
    old = "; ".join(f"{name}={value}" for (name, _), value in root.cookies.items())
    answer = await confirm(root, "root", "toor")
    assert (answer.code, answer.headers["Location"]) == (302, "/hub/token")
    assert (await root.call("POST", "/hub/api/users/root/tokens", {})).code == 201
    assert (await hub.browser(Cookie=old).get("/hub/home")).code == 302
    assert len(await hub.sessions.of_user(await hub.user("root"))) == 1


@pytest.mark.parametrize(
    ("name", "password"), [("root", "wrong"), ("alice", "wonder"), ("eve", "apple"), ("new", "x")]
)
async def test_other_users_cannot_confirm_and_leave_no_session(make_hub, name, password):
    people = {"alice": "wonder", "root": "toor", "eve": "apple", "new": "x"}
    hub = await make_hub(confirm_within=600.0, users=KnownUsers(people, admins=["root"], locked=["eve"]))
    root = await hub.logged_in("root")
    await hub.user("alice")
    await grow_old(hub)
    answer = await confirm(root, name, password)
    assert answer.code == 403
    assert "login_error" in answer.body.decode()
    assert (await root.call("POST", "/hub/api/users/root/tokens", {})).code == 403
    assert (await root.get("/hub/home")).code == 200
    assert await hub.store.read(lambda tx: tx.users.get("new")) is None
    assert [s.user_id for s in await hub.sessions.of_user(await hub.user("alice"))] == []


async def test_confirmed_user_continues_at_once(hub):
    root = await hub.logged_in("root")
    answer = await root.get("/hub/confirm?next=/hub/token")
    assert (answer.code, answer.headers["Location"]) == (302, "/hub/token")
    for target in ("//evil.test", "https://evil.test/"):
        away = await root.get(f"/hub/confirm?next={quote(target, safe='')}")
        assert away.headers["Location"] == "/hub/home"


async def test_anonymous_user_is_redirected_to_login(hub):
    anonymous = hub.browser()
    answer = await anonymous.get("/hub/confirm?next=/hub/token")
    assert answer.headers["Location"].startswith("/hub/login?next=%2Fhub%2Fconfirm")
    await anonymous.get("/hub/login")
    form = {"username": "root", "password": "toor", "_xsrf": anonymous.xsrf}
    assert (await anonymous.post("/hub/confirm", form=form)).code == 403


async def test_external_login_confirms_and_leads_back(make_hub):
    method = LoginMethod(label="GitHub", url="/hub/oauth_login")
    hub = await make_hub(
        confirm_within=600.0, users=KnownUsers({"root": "toor"}, admins=["root"], method=method)
    )
    root = await hub.logged_in("root")
    await grow_old(hub)
    page = (await root.get("/hub/confirm?next=/hub/token")).body.decode()
    assert "password_input" not in page
    back = quote("/hub/confirm?user=root&next=%2Fhub%2Ftoken", safe="")
    assert f"/hub/oauth_login?next={back}" in page
    other = await root.get("/hub/confirm?user=alice&next=/hub/token")
    assert other.code == 403
    assert "You are now logged in as root" in other.body.decode()


async def test_new_one_time_link_confirms(hub):
    browser = hub.browser()
    for _ in range(2):
        token = await hub.links.create("root", admin=True)
        await browser.open_link(token)
        await browser.get("/hub/token")
        assert (await browser.call("POST", "/hub/api/users/root/tokens", {})).code == 201
        await grow_old(hub)
        assert (await browser.call("POST", "/hub/api/users/root/tokens", {})).code == 403
        assert (await browser.get("/hub/confirm")).code == 200


APART = Origins(hub="https://hub.test", servers="https://servers.test")


@pytest.mark.parametrize(
    ("facts", "seconds"),
    [
        ({}, 600),
        ({"origins": APART}, 0),
        ({"origins": APART, "confirm_within": 60}, 60),
        ({"confirm_within": 0}, 0),
        ({"policies": {"onetime": LoginPolicy(), "": LoginPolicy()}}, 0),
    ],
)
def test_confirmation_is_default_when_servers_share_origin(facts, seconds):
    policies = {"pam": LoginPolicy(), "": LoginPolicy()}
    assert (
        HubSettings(
            **{"mark": "m", "hub_id": "h", "host": "x", "policies": policies, **facts}
        ).confirm_seconds
        == seconds
    )
