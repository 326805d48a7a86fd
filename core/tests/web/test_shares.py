"""Sharing in the API, and the page on which a share is accepted."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from sqlalchemy import update

from plughub.domain.clock import utcnow
from plughub.domain.oauth import server_client_id
from plughub.storage import tables

SHARES = "/hub/api/shares/alice/"
CODES = "/hub/api/share-codes/alice/"
SHARED_WITH_BOB = "/hub/api/users/bob/shared"
ACCESS = "access:servers!server=alice/"


def model(answer):
    return json.loads(answer.body)


@pytest.fixture
async def alice(hub):
    """Client of alice, who may share their servers with all users and groups that they can read."""
    await hub.user("bob")
    return await hub.holder("alice", "shares!user=alice", "read:users:name", "read:groups:name")


async def may_open(hub, name="bob", what=ACCESS):
    program = await hub.program(name)
    return what in model(await program.get("/hub/api/user"))["scopes"]


async def test_share_life_cycle(hub, alice):
    granted = await alice.post(SHARES, model={"user": "Bob"})
    share = model(granted)
    created = share.pop("created_at")
    assert (granted.code, created.endswith("Z")) == (200, True)
    assert share == {
        "server": {
            "user": {"name": "alice"},
            "name": "",
            "url": "/user/alice/",
            "full_url": None,
            "ready": False,
        },
        "scopes": [ACCESS],
        "user": {"name": "bob"},
        "group": None,
        "kind": "user",
    }
    assert await may_open(hub)
    more = await alice.post(SHARES, model={"user": "bob", "scopes": ["read:shares"]})
    assert model(more)["scopes"] == [ACCESS, "read:shares!server=alice/"]
    less = await alice.ask("PATCH", SHARES, model={"user": "bob", "scopes": [ACCESS]})
    assert (less.code, model(less)["scopes"]) == (200, ["read:shares!server=alice/"])
    assert not await may_open(hub)
    nothing = await alice.ask("PATCH", SHARES, model={"user": "bob"})
    assert (nothing.code, model(nothing)) == (200, {})
    again = await alice.ask("PATCH", SHARES, model={"user": "bob"})
    assert (again.code, model(again)) == (200, {})


async def test_lists_always_include_next_page(hub, alice):
    await hub.user("carol")
    for name in ("bob", "carol"):
        await alice.post(SHARES, model={"user": name})
    for path in (SHARES, "/hub/api/shares/alice"):
        page = model(await alice.get(f"{path}?limit=1"))
        assert [item["user"]["name"] for item in page["items"]] == ["bob"]
        assert page["_pagination"]["total"] == 2
        after = urlsplit(page["_pagination"]["next"]["url"])
        second = model(await alice.get(f"{after.path}?{after.query}"))
        assert [item["user"]["name"] for item in second["items"]] == ["carol"]
        assert second["_pagination"]["next"] is None
    assert (await alice.get(f"{SHARES}?limit=x")).code == 400


async def test_group_member_receives_group_share(hub, alice):
    admin = await hub.admin()
    await admin.post("/hub/api/groups/class", model={"users": ["bob"]})
    shared = await alice.post(SHARES, model={"group": "class"})
    assert (model(shared)["kind"], model(shared)["group"]) == ("group", {"name": "class"})
    assert await may_open(hub)
    bob = await hub.program("bob")
    assert model(await bob.get(SHARED_WITH_BOB))["items"][0]["group"] == {"name": "class"}
    assert (await bob.get(f"{SHARED_WITH_BOB}/alice/")).code == 404
    of_group = "/hub/api/groups/class/shared"
    assert (await bob.get(of_group)).code == 403
    assert model(await admin.get(of_group))["_pagination"]["total"] == 1
    assert model(await admin.get(f"{of_group}/alice/"))["scopes"] == [ACCESS]
    assert (await admin.delete(f"{of_group}/alice/")).code == 204
    assert (await admin.delete(f"{of_group}/alice/")).code == 404
    assert not await may_open(hub)


async def test_recipient_can_see_and_leave_share(hub, alice):
    await alice.post(SHARES, model={"user": "bob"})
    bob = await hub.program("bob")
    assert model(await bob.get(f"{SHARED_WITH_BOB}/alice/"))["user"] == {"name": "bob"}
    assert (await bob.get("/hub/api/users/alice/shared")).code == 404
    assert (await bob.delete(f"{SHARED_WITH_BOB}/alice/")).code == 204
    assert (await bob.delete(f"{SHARED_WITH_BOB}/alice/")).code == 404
    assert not await may_open(hub)


async def test_all_shares_of_server_are_revoked_at_once(hub, alice):
    await alice.post(SHARES, model={"user": "bob"})
    assert (await alice.delete(SHARES)).code == 204
    assert not await may_open(hub)
    assert (await alice.delete(SHARES)).code == 204


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "exactly one of"),
        ({"user": "bob", "group": "class"}, "exactly one of"),
        ({"user": "nobody"}, "No such user"),
        ({"group": "nothing"}, "No such group"),
        ({"user": "alice"}, "its own user"),
        ({"user": ["bob"]}, "share.user must be a string"),
        ({"user": "bob", "scopes": "access:servers"}, "must be a list of strings"),
        ({"user": "bob", "scopes": ["no:such"]}, "does not exist"),
        ({"user": "bob", "scopes": ["access:servers!user=alice"]}, "its filter can only be"),
        ({"user": "bob", "scopes": ["access:servers!server=alice/lab"]}, "its filter can only be"),
        ({"user": "bob", "scopes": ["access:servers!server"]}, "its filter can only be"),
        ({"user": "bob", "scopes": ["inherit"]}, "takes no filter"),
        ({"user": "bob", "scopes": ["self"]}, "takes no filter"),
        ({"user": "bob", "expires_in": 60}, "Invalid JSON keys"),
    ],
)
async def test_invalid_requests_are_refused(hub, alice, body, message):
    answer = await alice.post(SHARES, model=body)
    assert (answer.code, message in model(answer)["message"]) == (400, True), answer.body
    assert model(await alice.get(SHARES))["items"] == []


async def test_sharing_cannot_grant_more_than_held(hub, alice):
    answer = await alice.post(SHARES, model={"user": "bob", "scopes": ["admin:servers"]})
    assert answer.code == 403
    assert "Do not have permission to grant" in model(answer)["message"]
    code = await alice.post(CODES, model={"scopes": ["admin:servers"]})
    assert code.code == 403
    held = await alice.post(SHARES, model={"user": "bob", "scopes": ["shares"]})
    assert held.code == 200


async def test_recipient_must_be_readable(hub):
    await hub.user("bob")
    blind = await hub.holder("alice", "shares!user=alice")
    for body in ({"user": "bob"}, {"user": "nobody"}, {"group": "class"}):
        answer = await blind.post(SHARES, model=body)
        assert (answer.code, "Need scope" in model(answer)["message"]) == (403, True), body


async def test_default_scopes_allow_listing_but_not_sharing(hub):
    await hub.user("bob")
    program = await hub.program("alice")
    assert (await program.get(SHARES)).code == 200
    assert (await program.post(SHARES, model={"user": "bob"})).code == 403
    assert (await program.post(CODES)).code == 403
    bob = await hub.program("bob")
    assert (await bob.get(SHARES)).code == 404
    assert (await bob.get("/hub/api/shares/alice")).code == 404


async def test_unknown_servers_and_users_are_not_found(hub):
    admin = await hub.admin()
    await hub.user("alice")
    for path in ("/hub/api/shares/nobody", "/hub/api/share-codes/nobody", "/hub/api/users/nobody/shared"):
        assert (await admin.get(path)).code == 404, path
    for method in ("GET", "POST", "PATCH", "DELETE"):
        answer = await admin.ask(method, f"{SHARES}none", model={"user": "root"} if method != "GET" else None)
        assert (answer.code, "No such server" in model(answer)["message"]) == (404, True), method
    assert (await admin.post(f"{CODES}none")).code == 404
    assert (await admin.get("/hub/api/groups/none/shared")).code == 404


async def test_only_servers_can_be_shared(hub):
    admin = await hub.admin()
    for path in ("/hub/api/shares/alice", "/hub/api/share-codes/alice"):
        for method in ("POST", "PATCH", "DELETE"):
            answer = await admin.ask(method, path, body=b"{}")
            assert (answer.code, bool(model(answer)["message"])) == (405, True), (method, path)


# ---- codes


async def test_code_life_cycle(hub, alice):
    made = model(await alice.post(CODES, model={"expires_in": 60}))
    assert (made["id"][:3], len(made["code"]), made["exchange_count"]) == ("sc_", 43, 0)
    assert made["accept_url"] == f"/hub/accept-share?code={made['code']}"
    (listed,) = model(await alice.get(CODES))["items"]
    assert listed == {key: value for key, value in made.items() if "accept" not in key and key != "code"}
    assert model(await alice.get("/hub/api/share-codes/alice"))["items"] == [listed]
    assert (await alice.delete(f"{CODES}?id=sc_999999")).code == 404
    assert (await alice.delete(f"{CODES}?id=everything")).code == 404
    assert (await alice.delete(f"{CODES}?code=unknown")).code == 404
    assert (await alice.delete(f"{CODES}?id={made['id']}")).code == 204
    second = model(await alice.post(CODES))
    assert (await alice.delete(f"{CODES}?code={second['code']}")).code == 204
    await alice.post(CODES)
    assert (await alice.delete(CODES)).code == 204
    assert model(await alice.get(CODES))["items"] == []


@pytest.mark.parametrize("seconds", [0, 59, -60, 31_536_001, 10**30, "60", 1.5, True])
async def test_code_lifetime_is_bounded(hub, alice, seconds):
    answer = await alice.post(CODES, model={"expires_in": seconds})
    assert (answer.code, "expires_in" in model(answer)["message"]) == (400, True)


async def code_of(alice):
    return model(await alice.post(CODES))["code"]


def accept(code, **more):
    return f"/hub/accept-share?{urlencode({'code': code, **more})}"


async def test_code_is_accepted_on_page(hub, alice):
    code = await code_of(alice)
    bob = await hub.logged_in("bob")
    page = await bob.get(accept(code))
    assert (page.code, b"<b>alice</b> shares" in page.body, code.encode() in page.body) == (200, True, True)
    assert not await may_open(hub)
    stolen = await bob.post("/hub/accept-share", form={"code": code})
    assert (stolen.code, await may_open(hub)) == (403, False)
    done = await bob.post("/hub/accept-share", form={"code": code, "_xsrf": bob.xsrf})
    assert (done.code, done.headers["Location"]) == (302, "/user/alice/")
    assert await may_open(hub)
    (listed,) = model(await alice.get(CODES))["items"]
    assert (listed["exchange_count"], listed["last_exchanged_at"] is None) == (1, False)
    await alice.delete(CODES)
    assert await may_open(hub)


async def test_page_redirects_within_this_hub_only(hub, alice):
    bob = await hub.logged_in("bob")
    for wanted, leads in (("/user/alice/lab/tree/x", "/user/alice/lab/tree/x"), ("https://evil/", None)):
        form = {"code": await code_of(alice), "next": wanted, "_xsrf": bob.xsrf}
        done = await bob.post("/hub/accept-share", form=form)
        assert done.headers["Location"] == (leads or "/user/alice/")


async def test_anonymous_user_returns_to_page_after_login(hub, alice):
    code = await code_of(alice)
    anonymous = hub.browser()
    answer = await anonymous.get(accept(code))
    assert answer.code == 302
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["next"] == [accept(code)]
    assert (await anonymous.post("/hub/accept-share", form={"code": code})).code == 403


async def test_invalid_codes_are_refused(hub, alice):
    code = await code_of(alice)
    bob, owner = await hub.logged_in("bob"), await hub.logged_in("alice")

    async def tried(browser, text):
        shown = await browser.get(accept(text))
        done = await browser.post("/hub/accept-share", form={"code": text, "_xsrf": browser.xsrf})
        return shown.code, done.code

    assert await tried(owner, code) == (403, 400)
    assert await tried(bob, "unknown") == (404, 400)
    assert await tried(bob, code[:-1] + ("a" if code[-1] != "a" else "b")) == (404, 400)
    assert await tried(bob, "") == (400, 400)
    ended = utcnow() - timedelta(seconds=1)
    await hub.store.database.write(lambda c: c.execute(update(tables.share_codes).values(expires_at=ended)))
    assert await tried(bob, code) == (404, 400)
    assert not await may_open(hub)


# ---- access through shares


async def test_shared_server_needs_consent_and_revocation_is_fast(hub, alice):
    await hub.running("alice")
    bob = await hub.logged_in("bob")
    query = {
        "client_id": server_client_id("alice", ""),
        "redirect_uri": "/user/alice/oauth_callback",
        "response_type": "code",
        "state": "x",
    }
    authorize = f"/hub/api/oauth2/authorize?{urlencode(query)}"
    assert (await bob.get("/hub/user/alice/")).code == 404
    assert (await bob.get(authorize)).code == 404
    await alice.post(SHARES, model={"user": "bob"})
    assert (await bob.get("/hub/user/alice/")).code == 302
    assert (await bob.get(authorize)).code == 200
    agreed = await bob.post(authorize, form={"scopes": [ACCESS], "_xsrf": bob.xsrf})
    code = parse_qs(urlsplit(agreed.headers["Location"]).query)["code"][0]
    form = {
        "client_id": query["client_id"],
        "client_secret": hub.tiny.started[0].environment["JUPYTERHUB_API_TOKEN"],
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": query["redirect_uri"],
    }
    token = model(await hub.browser().post("/hub/api/oauth2/token", form=form))["access_token"]
    server = hub.browser(Authorization=f"token {token}")
    assert ACCESS in model(await server.get("/hub/api/user"))["scopes"]
    await alice.ask("PATCH", SHARES, model={"user": "bob"})
    assert ACCESS not in model(await server.get("/hub/api/user"))["scopes"]
    assert (await bob.get("/hub/user/alice/")).code == 404


async def test_recipient_cannot_start_shared_server(hub, alice):
    await alice.post(SHARES, model={"user": "bob"})
    bob = await hub.logged_in("bob")
    page = await bob.get("/hub/user/alice/")
    assert (page.code, b"Ask alice to start it" in page.body) == (424, True)
    assert b'id="start"' not in page.body
    assert (await bob.get("/hub/spawn/alice")).code == 404


async def test_reused_name_inherits_no_shares(hub, alice):
    await alice.post(SHARES, model={"user": "bob"})
    bob, admin = await hub.program("bob"), await hub.admin()

    async def scopes():
        return {scope for scope in model(await bob.get("/hub/api/user"))["scopes"] if "ali" in scope}

    assert await scopes() == {ACCESS}
    assert (await admin.ask("PATCH", "/hub/api/users/alice", model={"name": "alicia"})).code == 200
    await admin.post("/hub/api/users/alice")
    assert await scopes() == {"access:servers!server=alicia/"}
    assert (await admin.delete("/hub/api/users/alicia")).code == 204
    assert await scopes() == set()


async def test_home_page_lists_received_shares(hub, alice):
    bob = await hub.logged_in("bob")
    assert b"Shared with me" not in (await bob.get("/hub/home")).body
    await alice.post(SHARES, model={"user": "bob"})
    page = (await bob.get("/hub/home")).body
    assert b"Shared with me" in page
    assert b'href="/user/alice/"' in page


async def test_adding_members_needs_scopes_shared_with_group(hub, alice):
    admin = await hub.admin()
    await admin.post("/hub/api/groups/class")
    await alice.post(SHARES, model={"group": "class"})
    mallory = await hub.holder("bob", "groups!group=class")
    answer = await mallory.post("/hub/api/groups/class/users", model={"users": ["bob"]})
    assert (answer.code, "have scopes that you do not hold" in model(answer)["message"]) == (403, True)
    assert not await may_open(hub)
