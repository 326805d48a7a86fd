"""Login sessions."""

from __future__ import annotations

import json
import time

import pytest
from tornado.web import create_signed_value, decode_signed_value

from plughub.domain.sessions import MAX_SESSIONS
from plughub.services.tokens.tokens import store_token

LOGIN = "jupyterhub-hub-login"
SESSION = "jupyterhub-session-id"


def kept(browser):
    """Return all cookies, as a thief would have them."""
    return "; ".join(f"{name}={value}" for (name, _), value in browser.cookies.items())


async def is_in(hub, cookies):
    return (await hub.browser(Cookie=cookies).get("/hub/home")).code == 200


async def jupyterhub_cookie(hub, name="alice", age=60.0):
    user = await hub.user(name)
    made = time.time() - age
    value = create_signed_value(hub.context.cookie_secret, LOGIN, user.cookie_id, clock=lambda: made)
    return f"{LOGIN}={value.decode()}"


async def sessions_of(hub, name="alice"):
    user = await hub.user(name)
    return await hub.sessions.of_user(user)


@pytest.mark.parametrize("path", ["/hub/home", "/hub/token", "/hub/api/user", "/hub/api/users/alice/tokens"])
async def test_kept_cookie_is_invalid_after_logout(hub, path):
    browser = await hub.logged_in()
    stolen = hub.browser(Cookie=kept(browser), **{"X-XSRFToken": browser.xsrf})
    assert (await stolen.get(path)).code == 200
    await browser.get("/hub/logout")
    assert (await stolen.get(path)).code in {302, 403}
    made = await stolen.post("/hub/api/users/alice/tokens", model={})
    assert made.code == 403


async def test_logout_ends_one_session_only(hub):
    one, two = await hub.logged_in(), await hub.logged_in()
    await one.get("/hub/logout")
    assert (await two.get("/hub/home")).code == 200
    assert len(await sessions_of(hub)) == 1


async def test_logout_ends_tokens_of_session_despite_other_session_cookie(hub):
    browser = await hub.logged_in()
    user = await hub.user()
    (session,) = await sessions_of(hub)
    await hub.store.write(
        lambda tx: store_token(tx, "f" * 32, user_id=user.id, session_id=session.session_id)
    )
    browser.cookies[SESSION, "/"] = "of-another-user"
    await browser.get("/hub/logout")
    assert (await hub.browser(Authorization="token " + "f" * 32).get("/hub/api/user")).code == 403


@pytest.mark.parametrize("how", ["rename", "delete", "everywhere"])
async def test_every_way_to_end_all_sessions(hub, how):
    browsers = [await hub.logged_in(), await hub.logged_in()]
    cookies = [*map(kept, browsers), await jupyterhub_cookie(hub)]
    assert all([await is_in(hub, sent) for sent in cookies])
    admin = await hub.admin()
    call = {
        "rename": lambda: admin.ask("PATCH", "/hub/api/users/alice", model={"name": "alicia"}),
        "delete": lambda: admin.delete("/hub/api/users/alice"),
        "everywhere": lambda: admin.delete("/hub/api/users/alice/sessions"),
    }[how]
    assert (await call()).code in {200, 204}
    assert not any([await is_in(hub, sent) for sent in cookies])


async def test_user_lists_and_ends_own_sessions(hub):
    linux = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"}
    here, there = hub.browser(**linux), await hub.logged_in()
    await here.log_in("alice", "wonder")
    page = (await here.get("/hub/token")).body.decode()
    assert "Firefox on Linux (this browser)" in page
    assert "127.0.0.0/24" in page
    found = json.loads((await here.call("GET", "/hub/api/users/alice/sessions")).body)["sessions"]
    assert sorted(session["current"] for session in found) == [False, True]
    assert not any("key" in session or "session_id" in session for session in found)
    assert (await here.call("DELETE", "/hub/api/users/alice/sessions")).code == 204
    assert [(await browser.get("/hub/home")).code for browser in (here, there)] == [302, 302]


async def test_sessions_of_other_users_are_protected(hub):
    await hub.logged_in("bob")
    alice = await hub.logged_in("alice")
    for method in ("GET", "DELETE"):
        assert (await alice.call(method, "/hub/api/users/bob/sessions")).code == 404
    assert len(await sessions_of(hub, "bob")) == 1


async def test_api_tokens_outlive_sessions(hub):
    program = await hub.program()
    await program.delete("/hub/api/users/alice/sessions")
    assert (await program.get("/hub/api/user")).code == 200


async def test_jupyterhub_cookie_is_replaced_by_session_cookie(hub):
    old = await jupyterhub_cookie(hub, age=3600)
    browser = hub.browser(Cookie=old)
    answers = [await browser.get("/hub/home"), await browser.get("/hub/home")]
    assert [answer.code for answer in answers] == [200, 200]
    (session,) = await sessions_of(hub)
    assert session.authenticated_at == pytest.approx(time.time() - 3600, abs=60)
    assert session.expires == pytest.approx(session.authenticated_at + 14 * 86400, abs=1)
    fresh = hub.browser(Cookie="; ".join(f"{name}={value}" for (name, _), value in browser.cookies.items()))
    assert f"{LOGIN}=" in fresh.headers["Cookie"]
    assert old not in fresh.headers["Cookie"]
    again = await fresh.get("/hub/home")
    assert again.code == 200
    assert LOGIN not in "".join(again.headers.get_list("Set-Cookie"))


async def test_jupyterhub_cookie_is_invalid_after_logout(hub):
    old, other = await jupyterhub_cookie(hub), await jupyterhub_cookie(hub, age=120)
    browser = hub.browser(Cookie=old)
    await browser.get("/hub/home")
    browser.headers["Cookie"] = kept(browser)
    await browser.get("/hub/logout")
    assert not await is_in(hub, old)
    assert not await is_in(hub, browser.headers["Cookie"])
    assert await is_in(hub, other)


async def test_stored_hash_is_no_credential(hub):
    await hub.logged_in()
    rows = await hub.store.database.read(
        lambda c: c.exec_driver_sql("SELECT hashed, session_id FROM plughub_sessions").all()
    )
    for stored in rows[0]:
        value = create_signed_value(hub.context.cookie_secret, LOGIN, stored).decode()
        assert not await is_in(hub, f"{LOGIN}={value}")
        for text in (stored, f"session:{stored}"):
            assert (await hub.browser(Authorization=f"token {text}").get("/hub/api/user")).code == 403


async def test_cookie_key_is_no_token(hub):
    browser = await hub.logged_in()
    await browser.get("/hub/home")
    signed = browser.cookies[LOGIN, "/hub/"].encode()
    text = decode_signed_value(hub.context.cookie_secret, LOGIN, signed).decode()
    assert (await hub.browser(Authorization=f"token {text}").get("/hub/api/user")).code == 403


async def test_sessions_are_bounded_and_current_one_stays(hub):
    user = await hub.user()
    first = await hub.logged_in()
    (session,) = await sessions_of(hub)
    await hub.store.write(lambda tx: tx.sessions.touch({session.id: time.time() + 60}))
    for _ in range(MAX_SESSIONS):
        await hub.logins.log_in("alice", "wonder")
    assert len(await hub.sessions.of_user(user)) == MAX_SESSIONS
    assert (await first.get("/hub/home")).code == 200


async def test_single_request_login_leaves_no_session(hub):
    await hub.user()
    auth = {"auth": {"username": "alice", "password": "wonder"}}
    assert (await hub.browser().post("/hub/api/users/alice/tokens", model=auth)).code == 201
    assert not await sessions_of(hub)


async def test_new_login_ends_previous_session(hub):
    browser = await hub.logged_in()
    before = kept(browser)
    (session,) = await sessions_of(hub)
    token = await hub.links.create("alice")
    await browser.open_link(token)
    assert not await is_in(hub, before)
    (after,) = await sessions_of(hub)
    assert (after.session_id, after.plugin) == (session.session_id, "onetime")
    token = await hub.links.create("carol")
    await browser.open_link(token)
    assert not await sessions_of(hub)


async def test_last_use_is_stored_rarely(hub):
    browser = await hub.logged_in()
    (session,) = await sessions_of(hub)
    await hub.store.database.write(
        lambda c: c.exec_driver_sql("UPDATE plughub_sessions SET seen = seen - 1000")
    )
    hub.tokens.cache.clear()
    await browser.get("/hub/home")
    await hub.activity.flush()
    (seen,) = await sessions_of(hub)
    assert seen.seen >= session.seen
    hub.tokens.cache.clear()
    await browser.get("/hub/home")
    await hub.activity.flush()
    assert (await sessions_of(hub))[0].seen == seen.seen


async def test_request_of_known_session_needs_no_query(hub, monkeypatch):
    browser = await hub.logged_in()
    await browser.get("/hub/api/user")

    async def refuse(_work):
        raise AssertionError("the database was asked")

    monkeypatch.setattr(hub.store.database, "read", refuse)
    monkeypatch.setattr(hub.store.database, "write", refuse)
    assert (await browser.get("/hub/api/user")).code == 200
