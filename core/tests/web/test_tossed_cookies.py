"""Cookie tossing by pages of servers and neighbouring hosts."""

from __future__ import annotations

import base64
import time
from dataclasses import replace

import pytest
from tornado.web import create_signed_value

from plughub.domain.origins import Origins
from plughub.domain.sessions import new_session_key
from plughub.services.users.sessions import host_cookies_since
from plughub.web.request_cookies import cookie_domains, cookie_paths
from plughub.web.xsrf import make_token

LOGIN = "jupyterhub-hub-login"
HOST = f"__Host-{LOGIN}"


def cookie_of(browser, name=LOGIN):
    return next(f"{name}={value}" for (key, _), value in browser.cookies.items() if key == name)


def cleared(answer):
    return [line for line in answer.headers.get_list("Set-Cookie") if f'{LOGIN}="";' in line]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("path", ["/hub/home", "/hub/token", "/hub/api/user"])
async def test_two_login_cookies_are_ignored_and_cleared(hub, path, order):
    alice, eve = await hub.logged_in("alice"), await hub.logged_in("bob")
    both = "; ".join([cookie_of(alice), cookie_of(eve)][::order])
    answer = await hub.browser(Cookie=both).get(path)
    assert answer.code in {302, 403}
    places = {line.rpartition("Path=")[2].partition(";")[0] for line in cleared(answer)}
    assert {"/", "/hub", "/hub/", path} <= places


async def test_duplicate_login_cookie_is_ignored(hub):
    alice = await hub.logged_in()
    assert (await hub.browser(Cookie=f"{cookie_of(alice)}; {cookie_of(alice)}").get("/hub/home")).code == 302


async def test_login_with_two_cookies_clears_them_and_sets_its_own(hub):
    alice, eve = await hub.logged_in("alice"), await hub.logged_in("bob")
    both = f"{cookie_of(alice)}; {cookie_of(eve)}"
    browser = hub.browser()
    await browser.get("/hub/login")
    form = {"username": "alice", "password": "wonder", "_xsrf": browser.xsrf}
    sent = {"Cookie": f"{both}; _xsrf={browser.xsrf}"}
    answer = await browser.post("/hub/login", form=form, headers=sent)
    assert answer.code == 302
    lines = [line for line in answer.headers.get_list("Set-Cookie") if line.startswith(f"{LOGIN}=")]
    assert f'{LOGIN}="";' not in lines[-1]
    assert "Path=/hub/" in lines[-1]
    assert (await browser.get("/hub/home")).code == 200


async def test_domain_cookie_of_neighbouring_host_is_cleared(make_hub):
    hub = await make_hub()
    alice = await hub.logged_in()
    headers = {"Cookie": f"{cookie_of(alice)}; {LOGIN}=x", "Host": "hub.example.org:8000"}
    lines = cleared(await hub.browser().get("/hub/home", headers=headers))
    assert {line.partition("Domain=")[2].partition(";")[0] for line in lines} == {
        "", "hub.example.org", "example.org",
    }  # fmt: skip
    assert len(lines) < 60


def test_cookie_paths_and_domains():
    assert cookie_paths("/hub/token") == ["/", "/hub", "/hub/", "/hub/token"]
    assert cookie_paths(f"/hub/{'x' * 300}") == ["/", "/hub", "/hub/"]
    assert cookie_paths("/hub/") == ["/", "/hub", "/hub/"]
    assert cookie_domains("a.b.example.org") == ["a.b.example.org", "b.example.org", "example.org"]
    assert cookie_domains("localhost") == cookie_domains("127.0.0.1") == cookie_domains("::1") == []


@pytest.mark.parametrize("order", [1, -1])
async def test_xsrf_token_of_session_is_accepted_in_any_position(hub, order):
    browser, other = await hub.logged_in(), await hub.logged_in("bob")
    foreign = make_token(hub.context.cookie_secret, b"another:session").decode()
    cookies = [
        f"_xsrf={other.xsrf}",
        f"_xsrf={browser.xsrf}",
        f"_xsrf={foreign}",
        *(f"{name}={value}" for (name, _), value in browser.cookies.items() if name != "_xsrf"),
    ][::order]
    call = {"Cookie": "; ".join(cookies), "Content-Type": "application/json", "Sec-Fetch-Mode": "cors"}
    good = await browser.post(
        "/hub/api/users/alice/tokens", body=b"{}", headers={**call, "X-XSRFToken": browser.xsrf}
    )
    assert good.code == 201
    for token in (other.xsrf, foreign):
        bad = await browser.post(
            "/hub/api/users/alice/tokens", body=b"{}", headers={**call, "X-XSRFToken": token}
        )
        assert bad.code == 403


async def test_each_of_two_valid_xsrf_tokens_is_accepted(hub):
    browser = await hub.logged_in()
    user = await hub.user()
    (session,) = await hub.sessions.of_user(user)
    token_id = f"{session.session_id}:{user.cookie_id}"
    signed = create_signed_value(hub.context.cookie_secret, "_xsrf", token_id, clock=lambda: time.time() - 60)
    second = base64.urlsafe_b64encode(signed).rstrip(b"=")
    cookies = "; ".join([f"_xsrf={second.decode()}", *(f"{n}={v}" for (n, _), v in browser.cookies.items())])
    call = {"Cookie": cookies, "Content-Type": "application/json", "X-XSRFToken": browser.xsrf}
    assert (await browser.post("/hub/api/users/alice/tokens", body=b"{}", headers=call)).code == 201


async def test_foreign_session_cookie_does_not_change_session(hub):
    browser = await hub.logged_in()
    (session,) = await hub.sessions.of_user(await hub.user())
    cookies = [f"{n}={v}" for (n, _), v in browser.cookies.items()]
    sent = "; ".join([*cookies, "jupyterhub-session-id=planted"])
    answer = await browser.get("/hub/token", headers={"Cookie": sent})
    assert answer.code == 200
    assert browser.xsrf in answer.body.decode()
    alone = "; ".join([*(c for c in cookies if "session-id" not in c), "jupyterhub-session-id=planted"])
    again = await browser.get("/hub/token", headers={"Cookie": alone})
    assert f"jupyterhub-session-id={session.session_id}" in "".join(again.headers.get_list("Set-Cookie"))


def separate(**more):
    return {"origins": Origins(hub="https://hub.test", servers="https://servers.test"), **more}


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, LOGIN),
        ({"origins": Origins(hub="https://hub.test")}, LOGIN),  # servers would receive the cookie
        ({"origins": Origins(hub="http://hub.test", servers="http://servers.test")}, LOGIN),
        ({"origins": Origins(hub="https://hub.test", servers="https://hub.test:444")}, LOGIN),
        (separate(), HOST),
        (separate(cookie_host_prefix_enabled=False), LOGIN),
        ({"cookie_host_prefix_enabled": True}, HOST),
    ],
)
async def test_login_cookie_has_host_prefix_with_separate_origins(make_hub, settings, name):
    hub = await make_hub(**settings)
    browser = hub.browser(Host="hub.test")
    await browser.log_in("alice", "wonder")
    assert [key for key, _ in browser.cookies if key.endswith(LOGIN)] == [name]


async def test_login_cookie_without_prefix_is_accepted_and_replaced(make_hub):
    now = time.time()
    hub = await make_hub(**separate(options={"host_cookies_since": now}))
    user = await hub.user()
    for made, counts in ((now - 60, True), (now + 60, False)):
        value = create_signed_value(
            hub.context.cookie_secret, LOGIN, user.cookie_id, clock=lambda made=made: made
        )
        answer = await hub.browser(Cookie=f"{LOGIN}={value.decode()}", Host="hub.test").get("/hub/home")
        assert (answer.code == 200) is counts
        if counts:
            lines = answer.headers.get_list("Set-Cookie")
            assert any(line.startswith(f"{HOST}=") for line in lines)
            assert {"Path=/hub/", "Path=/"} <= {line.rpartition("; ")[2] for line in cleared(answer)}


async def test_prefix_start_time_is_stored_while_in_use(hub):
    def since(prefix):
        settings = replace(hub.settings, cookie_host_prefix=prefix)
        return hub.store.write(lambda tx: host_cookies_since(tx, settings))

    first = await since(prefix=True)
    assert time.time() - 60 < first <= time.time()
    assert await since(prefix=True) == first
    assert await since(prefix=False) == 0
    assert await since(prefix=True) > first


async def test_other_cookies_are_ignored_beside_host_cookie(make_hub):
    hub = await make_hub(**separate(options={"host_cookies_since": time.time() + 1000}))
    browser = hub.browser(Host="hub.test")
    await browser.log_in("alice", "wonder")
    other = await hub.user("bob")
    tossed = create_signed_value(hub.context.cookie_secret, LOGIN, other.cookie_id).decode()
    mine = cookie_of(browser, HOST)
    for cookies in (f"{LOGIN}={tossed}; {mine}", f"{mine}; {LOGIN}={tossed}; {LOGIN}=x"):
        answer = await browser.get("/hub/token", headers={"Cookie": cookies})
        assert answer.code == 200
        assert "/hub/api/users/alice/tokens" in answer.body.decode()


async def test_unknown_session_key_is_ignored(hub):
    value = create_signed_value(hub.context.cookie_secret, LOGIN, new_session_key()).decode()
    assert (await hub.browser(Cookie=f"{LOGIN}={value}").get("/hub/home")).code == 302
