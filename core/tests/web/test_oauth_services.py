"""OAuth 2 provider, used by services."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from plughub.domain.declarations import Declarations, read_roles
from plughub.domain.scopes import ScopeTree
from plughub.domain.service_specs import read_services
from plughub.services.users.configuration_sync import sync_configuration

SECRET = "secret-of-the-service"
OPEN = {"name": "user", "scopes": ["self", "access:services!service=board"]}


@pytest.fixture
def load(hub):
    async def load(*roles, **spec):
        given = {"name": "board", "url": "http://127.0.0.1:9", "api_token": SECRET, **spec}
        declared = Declarations(
            roles=read_roles(roles or [OPEN], ScopeTree()), services=read_services([given])
        )
        await hub.store.write(lambda tx: sync_configuration(tx, declared))
        return await hub.logged_in()

    return load


def authorize(**more):
    query = {
        "client_id": "service-board",
        "redirect_uri": "/services/board/oauth_callback",
        "response_type": "code",
        "state": "xyz",
        **more,
    }
    return "/hub/api/oauth2/authorize?" + urlencode(query)


async def visitor(hub, answer, redirect_uri="/services/board/oauth_callback"):
    """Exchange the code in a response for a token and return its owner."""
    assert answer.code == 302, answer.body
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    form = {
        "client_id": "service-board",
        "client_secret": SECRET,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
    }
    token = json.loads((await hub.browser().post("/hub/api/oauth2/token", form=form)).body)["access_token"]
    owner = await hub.browser(Authorization=f"token {token}").get("/hub/api/user")
    return json.loads(owner.body)


async def test_visitor_consents_once(hub, load):
    browser = await load()
    page = await browser.get(authorize())
    assert (page.code, "Service board requests access to your account" in page.body.decode()) == (200, True)
    form = {"scopes": "access:services!service=board", "_xsrf": browser.xsrf}
    owner = await visitor(hub, await browser.post(authorize(), form=form))
    assert (owner["name"], owner["kind"]) == ("alice", "user")
    assert set(owner["scopes"]) == {
        "access:services!service=board",
        "read:users:name!user=alice",
        "read:users:groups!user=alice",
    }
    assert (await browser.get(authorize())).code == 302, "consent is asked for only once"


@pytest.mark.parametrize(
    ("scope", "asked"), [("tokens!user=alice", True), ("access:services!service=board", False)]
)
async def test_consent_to_more_than_identity_needs_confirmation(make_hub, scope, asked):
    hub = await make_hub(confirm_within=600.0)
    given = {"name": "board", "url": "http://127.0.0.1:9", "api_token": SECRET}
    given["oauth_client_allowed_scopes"] = ["tokens!user"]  # type: ignore[assignment]
    declared = Declarations(roles=read_roles([OPEN], ScopeTree()), services=read_services([given]))
    await hub.store.write(lambda tx: sync_configuration(tx, declared))
    browser = await hub.logged_in()
    await hub.store.database.write(
        lambda c: c.exec_driver_sql("UPDATE plughub_sessions SET authenticated_at = 0")
    )
    hub.tokens.cache.clear()
    assert "tokens!user=alice" in (await browser.get(authorize())).body.decode()
    answer = await browser.post(authorize(), form={"scopes": scope, "_xsrf": browser.xsrf})
    assert answer.code == 302
    assert answer.headers["Location"].startswith("/hub/confirm?next=%2Fhub%2Fapi%2Foauth2") is asked


async def test_service_without_confirmation_skips_consent(hub, load):
    browser = await load(oauth_no_confirm=True)
    assert (await visitor(hub, await browser.get(authorize())))["name"] == "alice"


async def test_service_scopes_are_limited_to_visitors_scopes(hub, load):
    scopes = ["tokens!user", "list:users", "shutdown"]
    browser = await load(oauth_no_confirm=True, oauth_client_allowed_scopes=scopes)
    held = (await visitor(hub, await browser.get(authorize())))["scopes"]
    assert "tokens!user=alice" in held
    assert not {"list:users", "shutdown"} & set(held)
    less = await browser.get(authorize(scope="read:tokens!user"))
    held = (await visitor(hub, less))["scopes"]
    assert ("read:tokens!user=alice" in held, "tokens!user=alice" in held) == (True, False)


@pytest.mark.parametrize("scope", ["self", "admin", "inherit", "no:such", "no-such-role"])
async def test_service_scopes_are_limited_to_allowed_scopes(load, scope):
    browser = await load(oauth_no_confirm=True, oauth_client_allowed_scopes=["tokens!user"])
    answer = await browser.get(authorize(scope=scope))
    assert (answer.code, "error=invalid_scope" in answer.headers["Location"]) == (302, True)


async def test_scopes_can_be_requested_by_role_name(hub, load):
    role = {"name": "reader", "scopes": ["read:tokens!user"]}
    browser = await load(OPEN, role, oauth_no_confirm=True, oauth_roles=["reader"])
    held = (await visitor(hub, await browser.get(authorize(scope="reader identify"))))["scopes"]
    assert "read:tokens!user=alice" in held


async def test_service_can_inherit_visitors_permissions(hub, load):
    browser = await load(oauth_no_confirm=True, oauth_client_allowed_scopes=["inherit"])
    held = (await visitor(hub, await browser.get(authorize())))["scopes"]
    assert {"servers!user=alice", "tokens!user=alice"} <= set(held)


async def test_refused_visitor_sees_required_scope(load):
    browser = await load({"name": "user", "scopes": ["self", "access:services!service=other"]})
    answer = await browser.get(authorize())
    assert answer.code == 403
    page = answer.body.decode()
    assert "You do not have permission to access service board" in page
    assert "access:services!service=board" in page


async def test_external_service_redirects_to_registered_address_only(hub, load):
    back = "https://board.example.org/back"
    browser = await load(oauth_no_confirm=True, oauth_redirect_uri=back)
    answer = await browser.get(authorize(redirect_uri=back))
    assert answer.headers["Location"].startswith(f"{back}?code=")
    assert (await visitor(hub, answer, back))["name"] == "alice"
    assert (await browser.get(authorize())).code == 400
