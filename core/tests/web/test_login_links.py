"""Login links that administrators create for users, and the end of single sessions."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlsplit

import pytest

from plughub.domain.audit import AuditQuery

LINK = "/hub/api/users/{}/login-link"


async def invited(client, name, **body):
    answer = await client.post(LINK.format(name), model=body)
    assert answer.code == 201, answer.body
    return json.loads(answer.body)


async def opened(hub, model):
    """Open a link in a new browser; return it and whether it is logged in."""
    address = urlsplit(model["url"])
    browser = hub.browser()
    await browser.open_link(address.query.removeprefix("token="))
    return browser, (await browser.get("/hub/home")).code == 200


async def test_link_logs_its_user_in_once(hub):
    admin = await hub.admin()
    await hub.user("bob")
    model = await invited(admin, "bob", expires_in=86400)
    assert model["url"].startswith(f"{hub.address}/hub/login/onetime?token=")
    browser, is_in = await opened(hub, model)
    assert is_in
    assert json.loads((await browser.call("GET", "/hub/api/user")).body)["name"] == "bob"
    assert not (await opened(hub, model))[1]
    (entry,) = await hub.until(lambda: hub.audit.newest(AuditQuery(kind="create-login-link"), 5))
    assert (entry.user, entry.actor, entry.detail["expires_at"]) == ("bob", "root", model["expires_at"])
    assert "token" not in json.dumps(dict(entry.detail))


async def test_link_expires(hub):
    admin = await hub.admin()
    await hub.user("bob")
    model = await invited(admin, "bob", expires_in=60)
    await hub.store.database.write(
        lambda c: c.exec_driver_sql("UPDATE plughub_login_links SET expires_at = expires_at - 61")
    )
    assert not (await opened(hub, model))[1]


@pytest.mark.parametrize("seconds", [59, 604801, -1, "1", True])
async def test_lifetime_is_bounded(hub, seconds):
    admin = await hub.admin()
    await hub.user("bob")
    assert (await admin.post(LINK.format("bob"), model={"expires_in": seconds})).code == 400


async def test_links_are_revoked(hub):
    admin = await hub.admin()
    await hub.user("bob")
    models = [await invited(admin, "bob") for _ in range(2)]
    assert (await admin.delete(LINK.format("bob"))).code == 204
    for model in models:
        assert not (await opened(hub, model))[1]


async def test_unknown_user_gets_no_link(hub):
    admin = await hub.admin()
    assert (await admin.post(LINK.format("nobody"), model={})).code == 404


async def test_hub_without_links_says_so(make_hub):
    hub = await make_hub(context={"login_methods": {}})
    admin = await hub.admin()
    await hub.user("bob")
    answer = await admin.post(LINK.format("bob"), model={})
    assert answer.code == 409
    assert b"not active" in answer.body


EVERYTHING_OF_USERS = ("self", "admin:users", "servers", "tokens", "access:servers", "shares")


async def test_holder_of_users_creates_links_only_for_users_who_may_do_less(hub):
    """A link is a login, and its creator could use it."""
    await hub.user("bob")
    few = await hub.holder("eve", "admin:users!user=bob")
    answer = await few.post(LINK.format("bob"), model={})
    assert (answer.code, b"bob may do more than you" in answer.body) == (403, True)
    limited = [scope if scope == "self" else f"{scope}!user=bob" for scope in EVERYTHING_OF_USERS]
    many = await hub.holder("alice", *limited)
    await invited(many, "bob")
    await hub.holder("bob", "read:hub")
    assert (await many.post(LINK.format("bob"), model={})).code == 403
    assert (await many.post(LINK.format("root"), model={})).code == 404


async def test_only_admins_create_links_for_admins(hub):
    await hub.admin()
    almost = await hub.holder("alice", *EVERYTHING_OF_USERS)
    answer = await almost.post(LINK.format("root"), model={})
    assert (answer.code, b"only admins" in answer.body) == (403, True)
    await invited(await hub.admin(), "root")


async def test_one_session_ends_with_its_tokens(hub):
    one, two = await hub.logged_in(), await hub.logged_in()
    root = await hub.logged_in("root")
    sessions = await hub.sessions.of_user(await hub.user())
    listed = json.loads((await root.call("GET", "/hub/api/users/alice/sessions")).body)["sessions"]
    assert {model["id"] for model in listed} == {f"s{session.id}" for session in sessions}
    first = min(sessions, key=lambda session: session.id)
    path = "/hub/api/users/{}/sessions/{}".format
    for name, key in (("bob", f"s{first.id}"), ("alice", "s999"), ("alice", str(first.id)), ("alice", "s")):
        await hub.user(name)
        assert (await root.call("DELETE", path(name, key))).code == 404, key
    assert (await root.call("DELETE", path("alice", f"s{first.id}"))).code == 204
    codes = await asyncio.gather(one.get("/hub/home"), two.get("/hub/home"))
    assert [answer.code for answer in codes] == [302, 200]
    (entry,) = await hub.until(lambda: hub.audit.newest(AuditQuery(kind="end-session"), 5))
    assert (entry.user, entry.actor) == ("alice", "root")
