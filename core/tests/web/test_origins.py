"""Pages, API, OAuth and cookies with separate origins for servers and services."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from plughub.domain.declarations import Declarations, read_roles
from plughub.domain.hostnames import idna_host
from plughub.domain.oauth import server_client_id
from plughub.domain.origins import Origins
from plughub.domain.scopes import ScopeTree
from plughub.domain.service_specs import read_services
from plughub.kinds.proxy import SERVERS_PORT_HEADER
from plughub.services.users.configuration_sync import sync_configuration

HUB = "https://hub.example.org"
HOST = "hub.example.org"
ALICE = "https://alice.hub.example.org"
BOARD = "https://board--service.hub.example.org"
SUBDOMAINS = Origins(hub=HUB, host_hook=idna_host)
SECOND_HOST = Origins(hub=HUB, servers="https://servers.example.org")
SECOND_PORT = Origins(hub=HUB, servers=f"{HUB}:8443")
FROM_SCRIPT = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def hub(make_hub):
    return await make_hub(origins=SUBDOMAINS)


async def at_hub(hub, name="alice", host=HOST):
    """Return a logged-in browser that requests the hub's own host."""
    browser = hub.browser(Host=host)
    answer = await browser.log_in(name, hub.users.passwords[name])
    assert answer.code == 302, answer.body
    await browser.get("/hub/token")
    return browser


def at_alice(**headers):
    return {"Host": "alice.hub.example.org", **headers}


def location(answer):
    assert answer.code in {302, 303}, answer.body
    return answer.headers["Location"]


@pytest.mark.parametrize(
    "path", ["/hub/home", "/hub/login?next=%2Fx", "/hub/api/oauth2/authorize?a=b", "/hub/x"]
)
async def test_page_on_server_host_redirects_to_hub(hub, path):
    browser = await at_hub(hub)
    assert location(await browser.get(path, headers=at_alice())) == f"{HUB}{path}"


@pytest.mark.parametrize("path", ["/hub/login", "/hub/spawn/alice", "/hub/token", "/hub/accept-share"])
async def test_page_on_server_host_accepts_no_body(hub, path):
    browser = await at_hub(hub)
    answer = await browser.post(path, form={"_xsrf": browser.xsrf}, headers=at_alice())
    assert answer.code in {404, 405}
    assert "Location" not in answer.headers


async def test_server_host_accepts_tokens_but_no_cookies(hub):
    browser = await at_hub(hub)
    assert (await browser.get("/hub/api/user", headers={"X-XSRFToken": browser.xsrf})).code == 200
    assert (await browser.get("/hub/api/user", headers=at_alice())).code == 403
    assert (await browser.get("/hub/api/user", headers=at_alice(**{"X-XSRFToken": browser.xsrf}))).code == 403
    program = await hub.program()
    assert (await program.get("/hub/api/user", headers=at_alice())).code == 200


async def test_servers_port_is_not_hub_origin_without_port_in_host(make_hub):
    hub = await make_hub(origins=SECOND_PORT)
    browser = await at_hub(hub)
    good = {"X-XSRFToken": browser.xsrf}
    assert (await browser.get("/hub/api/user", headers=good)).code == 200
    assert (await browser.get("/hub/api/user", headers={**good, SERVERS_PORT_HEADER: "yes"})).code == 403
    answer = await browser.get("/hub/token", headers={SERVERS_PORT_HEADER: "yes"})
    assert (answer.code, answer.headers["Location"]) == (302, f"{HUB}/hub/token")


@pytest.mark.parametrize("origins", [SUBDOMAINS, SECOND_HOST, SECOND_PORT])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ALICE},
        {"Origin": "https://servers.example.org"},
        {"Origin": f"{HUB}:8443"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
async def test_requests_from_other_origin_are_anonymous(make_hub, origins, headers):
    hub = await make_hub(origins=origins)
    browser = await at_hub(hub)
    good = {"X-XSRFToken": browser.xsrf, **headers}
    assert (await browser.get("/hub/api/user", headers=good)).code == 403
    assert (await browser.ask("POST", "/hub/api/users/alice/tokens", model={}, headers=good)).code == 403
    form = {"_xsrf": browser.xsrf}
    for path in ("/hub/spawn/alice", "/hub/logout", "/hub/login"):
        assert (await browser.post(path, form=form, headers=headers)).code == 403, path
    assert (await browser.ask("POST", "/hub/api/users/alice/tokens", model={}, headers={
        "X-XSRFToken": browser.xsrf, "Origin": HUB
    })).code == 201  # fmt: skip


async def test_stopped_server_redirects_pages_to_hub_and_refuses_scripts(hub):
    browser = hub.browser()
    where = "/user/alice/lab/tree?x=1"
    assert location(await browser.get(where, headers=at_alice())) == f"{HUB}/hub{where}"
    answer = await browser.get("/user/alice/api/status", headers=at_alice(**FROM_SCRIPT))
    assert answer.code == 424
    assert (await browser.post("/user/alice/api/kernels", headers=at_alice())).code == 424


async def test_running_server_opens_at_its_own_host(hub):
    browser = await at_hub(hub)
    await hub.running()
    assert location(await browser.get("/user/alice/lab?x=1")) == "/hub/user/alice/lab?x=1"
    answer = await browser.get("/hub/user/alice/lab?x=1")
    assert location(answer) == f"{ALICE}/user/alice/lab?x=1&redirects=1"
    for path in ("/hub/", "/hub/spawn", "/hub/spawn-pending/alice"):
        assert location(await browser.get(path)) == f"{ALICE}/user/alice/"
    home = (await browser.get("/hub/home")).body.decode()
    assert f'href="{ALICE}/user/alice/"' in home


async def test_service_opens_at_its_own_host(hub):
    browser = await at_hub(hub)
    assert location(await browser.get("/services/board/x?y=1")) == f"{BOARD}/services/board/x?y=1"
    at_board = {"Host": urlsplit(BOARD).netloc}
    there = await browser.get("/services/board/x?y=1", headers=at_board)
    assert location(there) == f"{HUB}/hub/services/board/x?y=1"
    assert (await browser.get("/hub/services/board/x?y=1")).code == 404


@pytest.mark.parametrize(
    ("wanted", "goes"),
    [
        ("/user/alice/lab", "/user/alice/lab"),
        (f"{ALICE}/user/alice/lab?x=1", "/user/alice/lab?x=1"),
        (f"{HUB}/hub/token", "/hub/token"),
        ("https://evil.example/user/alice/lab", "/hub/spawn"),
        (f"{HUB}.evil.example/x", "/hub/spawn"),
        (f"{HUB}:8443/x", "/hub/spawn"),
    ],
)
async def test_login_redirects_to_servers_of_this_hub_only(hub, wanted, goes):
    browser = await at_hub(hub)
    assert location(await browser.get(f"/hub/login?{urlencode({'next': wanted})}")) == goes


async def test_next_may_name_servers_origin(make_hub):
    hub = await make_hub(origins=SECOND_HOST)
    browser = await at_hub(hub)
    wanted = urlencode({"next": "https://servers.example.org/user/alice/lab"})
    assert location(await browser.get(f"/hub/login?{wanted}")) == "/user/alice/lab"


# ---- environment of servers


@pytest.mark.parametrize(
    ("origins", "origin", "spec"),
    [
        (SUBDOMAINS, ALICE, "alice.hub.example.org/user/alice/"),
        (SECOND_HOST, "https://servers.example.org", "servers.example.org/user/alice/"),
        (SECOND_PORT, f"{HUB}:8443", "/user/alice/"),
    ],
)
async def test_servers_get_and_are_routed_at_public_addresses(make_hub, origins, origin, spec):
    hub = await make_hub(origins=origins, cookie_host_prefix_enabled=True, options={"secure_cookies": True})
    await hub.running()
    environment = hub.tiny.started[0].environment
    assert environment["JUPYTERHUB_HOST"] == HUB
    assert environment["JUPYTERHUB_SERVICE_PREFIX"] == "/user/alice/"
    assert environment["JUPYTERHUB_OAUTH_CALLBACK_URL"] == f"{origin}/user/alice/oauth_callback"
    assert environment["JUPYTERHUB_PUBLIC_URL"] == f"{origin}/user/alice/"
    assert environment["JUPYTERHUB_PUBLIC_HUB_URL"] == f"{HUB}/hub/"
    alone = origins is SUBDOMAINS
    assert environment["JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED"] == str(int(alone)), (
        "the cookie is valid for all paths"
    )
    assert set(hub.proxy.routes) == {spec}

    model = json.loads((await (await hub.program()).get("/hub/api/users/alice")).body)
    assert model["server"] == model["servers"][""]["url"] == "/user/alice/"
    assert model["servers"][""]["full_url"] == f"{origin}/user/alice/"
    assert model["servers"][""]["full_progress_url"] == f"{HUB}/hub/api/users/alice/server/progress"


# ---- OAuth

OWN = "/user/alice/oauth_callback"


@pytest.mark.parametrize("sent", [OWN, f"{ALICE}{OWN}"])
async def test_code_is_sent_to_servers_own_host(hub, sent):
    browser = await at_hub(hub)
    await hub.running()
    form = {"client_id": server_client_id("alice", ""), "redirect_uri": sent, "response_type": "code"}
    target = location(await browser.get(f"/hub/api/oauth2/authorize?{urlencode(form)}"))
    assert target.startswith(f"{ALICE}{OWN}?code=")
    code = parse_qs(urlsplit(target).query)["code"][0]
    secret = hub.tiny.started[0].environment["JUPYTERHUB_API_TOKEN"]
    traded = {**form, "grant_type": "authorization_code", "code": code, "client_secret": secret}
    answer = await hub.browser().post("/hub/api/oauth2/token", form=traded)
    assert answer.code == 200, answer.body


@pytest.mark.parametrize(
    "sent",
    [
        f"https://bob.hub.example.org{OWN}",
        f"{HUB}{OWN}",
        f"{ALICE}:8443{OWN}",
        f"http://alice.hub.example.org{OWN}",
        f"{ALICE}/{OWN}",
        f"{ALICE}/user/alice/other",
        f"{ALICE}.evil.example{OWN}",
    ],
)
async def test_code_is_sent_to_no_other_address(hub, sent):
    browser = await at_hub(hub)
    await hub.running()
    form = {"client_id": server_client_id("alice", ""), "redirect_uri": sent, "response_type": "code"}
    answer = await browser.get(f"/hub/api/oauth2/authorize?{urlencode(form)}")
    assert answer.code == 400
    assert "Location" not in answer.headers


@pytest.mark.parametrize("stored", [OWN, f"{ALICE}{OWN}"])
async def test_server_started_before_origin_change_still_accepts_logins(hub, stored):
    """With subdomains JupyterHub stores an absolute redirect URI, else a path; the server sends the one it was given."""
    browser = await at_hub(hub)
    await hub.running()

    def as_before(tx):
        client = tx.oauth.client(server_client_id("alice", ""))
        tx.oauth.save_client(replace(client, redirect_uri=stored))

    await hub.store.write(as_before)
    for sent in (OWN, f"{ALICE}{OWN}"):
        form = {"client_id": server_client_id("alice", ""), "redirect_uri": sent, "response_type": "code"}
        target = location(await browser.get(f"/hub/api/oauth2/authorize?{urlencode(form)}"))
        assert target.startswith(f"{ALICE}{OWN}?code=")


async def test_code_at_legacy_host_is_redirected_to_server(hub):
    """JupyterHub's host for an unusual name is no longer known; the path identifies the user."""
    browser = await at_hub(hub)
    await hub.running()
    old = {"Host": "u-alice--1234567.hub.example.org"}
    there = await browser.get(f"{OWN}?code=x&state=y", headers=old)
    assert location(there) == f"{HUB}/hub{OWN}?code=x&state=y"
    answer = await browser.get(f"/hub{OWN}?code=x&state=y")
    assert location(answer) == f"{ALICE}{OWN}?code=x&state=y&redirects=1"


async def test_share_leads_to_owners_host(hub):
    await hub.running("bob")
    owner = await hub.holder("bob", "shares!user", "self")
    made = json.loads((await owner.ask("POST", "/hub/api/share-codes/bob/", model={})).body)
    assert made["full_accept_url"].startswith(f"{HUB}/hub/accept-share?code=")
    browser = await at_hub(hub)
    form = {"_xsrf": browser.xsrf, "code": made["code"]}
    answer = await browser.post("/hub/accept-share", form=form, headers={"Origin": HUB})
    assert location(answer) == "https://bob.hub.example.org/user/bob/"
    shared = json.loads((await owner.get("/hub/api/shares/bob/")).body)["items"]
    assert {item["server"]["full_url"] for item in shared} == {"https://bob.hub.example.org/user/bob/"}


async def test_service_gets_code_at_its_own_host(hub):
    spec = {"name": "board", "url": "http://127.0.0.1:9", "api_token": "secret-of-the-service",
            "oauth_no_confirm": True}  # fmt: skip
    role = {"name": "user", "scopes": ["self", "access:services!service=board"]}
    declared = Declarations(roles=read_roles([role], ScopeTree()), services=read_services([spec]))
    await hub.store.write(lambda tx: sync_configuration(tx, declared))
    browser = await at_hub(hub)
    for sent in ("/services/board/oauth_callback", f"{BOARD}/services/board/oauth_callback"):
        form = {"client_id": "service-board", "redirect_uri": sent, "response_type": "code"}
        target = location(await browser.get(f"/hub/api/oauth2/authorize?{urlencode(form)}"))
        assert target.startswith(f"{BOARD}/services/board/oauth_callback?code=")


# ---- cookies


@pytest.mark.parametrize(
    ("origins", "domain"), [(SUBDOMAINS, "hub.example.org"), (SECOND_HOST, ""), (SECOND_PORT, "")]
)
async def test_subdomain_servers_see_logout_but_not_login_cookie(make_hub, origins, domain):
    hub = await make_hub(origins=origins)
    browser = hub.browser(Host=HOST)
    lines = (await browser.log_in("alice", "wonder")).headers.get_list("Set-Cookie")
    session = next(line for line in lines if line.startswith("jupyterhub-session-id="))
    login = next(line for line in lines if "hub-login=" in line and "1970" not in line)
    assert (f"Domain={domain}" in session) == bool(domain)
    assert "Domain" not in login
    assert ("Path=/hub/" in login) != login.startswith("__Host-")
    answer = await browser.get("/hub/logout", headers={"Referer": f"{HUB}/hub/home"})
    cleared = answer.headers.get_list("Set-Cookie")
    session = next(line for line in cleared if line.startswith("jupyterhub-session-id="))
    assert (f"Domain={domain}" in session) == bool(domain)


@pytest.mark.parametrize(("origins", "hidden"), [(SUBDOMAINS, False), (SECOND_PORT, True)])
async def test_pages_on_another_port_cannot_read_xsrf_token(make_hub, origins, hidden):
    hub = await make_hub(origins=origins)
    lines = (await hub.browser(Host=HOST).get("/hub/login")).headers.get_list("Set-Cookie")
    xsrf = next(line for line in lines if line.startswith("_xsrf="))
    assert ("HttpOnly" in xsrf) == hidden
