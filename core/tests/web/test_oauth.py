"""OAuth 2 provider, used like jupyterhub-singleuser does."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from plughub import hookimpl
from plughub.domain.audit import AuditQuery
from plughub.domain.clock import utcnow
from plughub.domain.oauth import server_client_id
from plughub.domain.roles import Role
from plughub.kinds import SpawnerInfo
from plughub.testing.doubles import TinyServers

VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
async def secret(hub):
    """Start alice's server and return the token that it was given."""
    await hub.running()
    return hub.tiny.started[0].environment["JUPYTERHUB_API_TOKEN"]


def authorize(**more):
    query = {
        "client_id": server_client_id("alice", ""),
        "redirect_uri": "/user/alice/oauth_callback",
        "response_type": "code",
        "state": "xyz",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **more,
    }
    return "/hub/api/oauth2/authorize?" + urlencode({name: value for name, value in query.items() if value})


async def exchange(hub, secret, code, **more):
    form = {
        "client_id": server_client_id("alice", ""),
        "client_secret": secret,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": "/user/alice/oauth_callback",
        "code_verifier": VERIFIER,
        **more,
    }
    return await hub.browser().post("/hub/api/oauth2/token", form=form)


async def a_code(browser):
    answer = await browser.get(authorize())
    assert answer.code == 302, answer.body
    target = urlsplit(answer.headers["Location"])
    assert target.path == "/user/alice/oauth_callback"
    query = parse_qs(target.query)
    assert query["state"] == ["xyz"]
    return query["code"][0]


async def test_own_server_needs_no_consent(hub, secret):
    browser = await hub.logged_in()
    code = await a_code(browser)
    answer = await exchange(hub, secret, code)
    assert answer.code == 200, answer.body
    token = json.loads(answer.body)
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == 14 * 86400
    assert len(token["access_token"]) == 30
    program = hub.browser(Authorization=f"Bearer {token['access_token']}")
    owner = json.loads((await program.get("/hub/api/user")).body)
    assert owner["name"] == "alice"
    assert owner["session_id"] == browser.cookies["jupyterhub-session-id", "/"]
    assert "access:servers!server=alice/" in owner["scopes"]
    assert not any(scope.startswith(("tokens", "servers!")) for scope in owner["scopes"])
    await browser.get("/hub/logout")
    assert (await program.get("/hub/api/user")).code == 403


async def test_scope_for_group_opens_servers_of_members(hub, secret):
    await hub.user("bob")

    def give(tx):
        tx.groups.create(["class"])
        tx.roles.ensure([Role(name="teacher", scopes=("access:servers!group=class",))])
        tx.roles.grant("teacher", "user", ["bob"])

    await hub.store.write(give)
    browser = await hub.logged_in("bob")
    assert (await browser.get(authorize())).code == 404
    assert (await browser.get("/hub/user/alice/")).code == 404
    await hub.store.write(lambda tx: tx.groups.add_users("class", ["alice"]))
    assert (await browser.get("/hub/user/alice/")).headers["Location"].startswith("/user/alice/")
    page = await browser.get(authorize())
    assert (page.code, b"alice" in page.body) == (200, True), "asks for consent"
    form = {"_xsrf": browser.xsrf, "scopes": "access:servers!server=alice/"}
    agreed = await browser.post(authorize(), form=form)
    code = parse_qs(urlsplit(agreed.headers["Location"]).query)["code"][0]
    token = json.loads((await exchange(hub, secret, code)).body)["access_token"]
    program = hub.browser(Authorization=f"Bearer {token}")

    async def scopes():
        return json.loads((await program.get("/hub/api/user")).body)["scopes"]

    assert "access:servers!server=alice/" in await scopes()
    await hub.store.write(lambda tx: tx.groups.remove_users("class", ["alice"]))
    assert "access:servers!server=alice/" not in await scopes()


async def test_code_works_once(hub, secret):
    code = await a_code(await hub.logged_in())
    assert (await exchange(hub, secret, code)).code == 200
    answer = await exchange(hub, secret, code)
    assert answer.code == 400
    assert json.loads(answer.body)["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "wrong",
    [{"client_secret": "x" * 32}, {"code_verifier": "w" * 50}, {"redirect_uri": "/user/bob/oauth_callback"}],
)
async def test_code_is_bound_to_its_client(hub, secret, wrong):
    code = await a_code(await hub.logged_in())
    assert (await exchange(hub, secret, code, **wrong)).code in {400, 401}


async def test_missing_pkce_is_refused_where_required(make_hub):
    hub = await make_hub(oauth_require_pkce=True)
    await hub.running()
    browser = await hub.logged_in()
    refused = await browser.get(authorize(code_challenge="", code_challenge_method=""))
    assert refused.code == 302
    query = parse_qs(urlsplit(refused.headers["Location"]).query)
    assert (query["error"], "code" in query) == (["invalid_request"], False)
    assert await a_code(browser)


async def test_token_from_code_has_configured_lifetime(make_hub):
    hub = await make_hub(oauth_token_expires_in=600)
    await hub.running()
    secret = hub.tiny.started[0].environment["JUPYTERHUB_API_TOKEN"]
    answer = await exchange(hub, secret, await a_code(await hub.logged_in()))
    assert json.loads(answer.body)["expires_in"] == 600
    (listed,) = [
        token
        for token in await hub.tokens.of_user(await hub.user("alice"))
        if token.client_id == server_client_id("alice", "")
    ]
    assert timedelta(seconds=500) < listed.expires_at - utcnow() <= timedelta(seconds=600)


async def test_anonymous_user_returns_after_login(hub, secret):
    answer = await hub.browser().get(authorize())
    assert answer.headers["Location"] == f"/hub/login?next={quote(authorize(), safe='')}"


@pytest.mark.parametrize("wrong", [{"client_id": "nothing"}, {"redirect_uri": "https://evil.test/"}])
async def test_unknown_client_or_redirect_uri_is_refused(hub, secret, wrong):
    answer = await (await hub.logged_in()).get(authorize(**wrong))
    assert answer.code == 400
    assert "refused" in answer.body.decode()


async def test_user_without_access_to_server_is_refused(hub, secret):
    answer = await (await hub.logged_in("bob")).get(authorize())
    assert answer.code == 404
    assert "There is no server here that you may access" in answer.body.decode()


async def test_other_users_server_needs_consent(hub, secret):
    browser = await hub.logged_in("root")
    answer = await browser.get(authorize())
    assert answer.code == 200
    page = answer.body.decode()
    assert "Authorize access" in page
    assert "Server at /user/alice/" in page
    refused = await browser.post(authorize(), form={"scopes": "access:servers!server=alice/"})
    assert refused.code == 403
    form = {"scopes": "access:servers!server=alice/", "_xsrf": browser.xsrf}
    agreed = await browser.post(authorize(), form=form)
    code = parse_qs(urlsplit(agreed.headers["Location"]).query)["code"][0]
    assert (await exchange(hub, secret, code)).code == 200
    assert (await browser.get(authorize())).code == 302, "consent is asked for only once"


async def test_the_owner_sees_who_opened_a_server_and_the_audit_trail_records_it(hub, secret):
    query = AuditQuery(user="alice", kind="open-server")
    owner = await hub.logged_in()
    await a_code(owner)
    browser = await hub.logged_in("root")
    await browser.get(authorize())
    refused = await browser.post(authorize(), form={"scopes": "access:servers!server=alice/"})
    assert refused.code == 403
    await browser.post(authorize(), form={"scopes": "access:servers!server=alice/", "_xsrf": browser.xsrf})

    async def recorded():
        return await hub.store.read(lambda tx: tx.audit.page(query, 0, 10))

    [entry] = await hub.until(recorded)
    assert (entry.actor, entry.user, entry.server, entry.detail) == ("root", "alice", "", {"admin": True})
    page = (await owner.get("/hub/token")).body.decode()
    assert "Your servers opened by others" in page
    assert "root (administrator)" in page
    assert "opened by others" not in (await browser.get("/hub/token")).body.decode()


@pytest.mark.parametrize("enabled", [True, False])
async def test_the_home_page_says_that_administrators_may_open_servers(make_hub, enabled):
    hub = await make_hub(options={"admin_access": enabled})
    page = (await (await hub.logged_in()).get("/hub/home")).body.decode()
    assert ("Administrators of this hub may open your servers." in page) == enabled


async def test_server_token_has_minimal_permissions(hub, secret):
    program = hub.browser(Authorization=f"token {secret}")
    assert (await program.get("/hub/api/user")).code == 200
    body = {
        "last_activity": "2026-01-01T00:00:00Z",
        "servers": {"": {"last_activity": "2026-01-01T00:00:00Z"}},
    }
    assert (await program.post("/hub/api/users/alice/activity", model=body)).code == 200
    assert (await program.post("/hub/api/users/alice/tokens", model={})).code == 403
    assert (await program.delete("/hub/api/users/alice/server")).code == 403


class ScopedSpawner(TinyServers):
    """Spawner whose servers may receive scopes beyond identification, and that reports no progress."""

    @hookimpl
    def hub_spawner_info(self) -> SpawnerInfo:
        return SpawnerInfo(
            oauth_client_allowed_scopes=("read:tokens!user", "admin:users"),
            server_token_scopes=("read:users:name!user", "list:users"),
        )


async def test_server_scopes_are_limited_to_those_of_users(make_hub):
    generous = ScopedSpawner()
    hub = await make_hub(spawners={"generous": generous})
    browser = await hub.logged_in()
    start = await browser.call(
        "POST", "/hub/api/users/alice/server", model={"user_options": {}, "backend": "generous"}
    )
    assert start.code == 201
    environment = generous.started[0].environment
    allowed = json.loads(environment["JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES"])
    assert allowed == ["read:tokens!user", "admin:users"]

    own = hub.browser(Authorization=f"token {environment['JUPYTERHUB_API_TOKEN']}")
    held = json.loads((await own.get("/hub/api/user")).body)["scopes"]
    assert "read:users:name!user=alice" in held
    assert "users:activity!user=alice" in held, "servers can always report activity"
    assert not {scope for scope in held if scope.startswith(("list:users", "access:servers"))}

    secret = environment["JUPYTERHUB_API_TOKEN"]
    answer = await exchange(hub, secret, await a_code(browser))
    token = json.loads(answer.body)["access_token"]
    owner = json.loads((await hub.browser(Authorization=f"token {token}").get("/hub/api/user")).body)
    assert "read:tokens!user=alice" in owner["scopes"]
    assert not {scope for scope in owner["scopes"] if scope.startswith("admin:users")}


async def test_token_use_counts_as_activity_except_by_server(hub, secret):
    await hub.activity.flush()
    before = (await hub.user("alice")).last_activity
    own = hub.browser(Authorization=f"token {secret}")
    assert (await own.get("/hub/api/user")).code == 200
    await hub.activity.flush()
    assert (await hub.user("alice")).last_activity == before
    assert (await (await hub.program("bob")).get("/hub/api/user")).code == 200
    await hub.activity.flush()
    assert (await hub.user("bob")).last_activity > utcnow() - timedelta(minutes=10)


async def test_server_role_defines_server_token_scopes(hub):
    scopes = ("users:activity!user", "read:tokens!user", "servers!server")
    await hub.store.write(lambda tx: tx.roles.ensure([Role(name="server", scopes=scopes)]))
    await hub.running()
    token = hub.tiny.started[0].environment["JUPYTERHUB_API_TOKEN"]
    own = hub.browser(Authorization=f"token {token}")
    held = json.loads((await own.get("/hub/api/user")).body)["scopes"]
    assert {"read:tokens!user=alice", "delete:servers!server=alice/"} <= set(held)
    assert "access:servers!server=alice/" not in held
    assert (await own.delete("/hub/api/users/alice/server")).code in {202, 204}
