"""Settings of pages and API calls."""

from __future__ import annotations

import json
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import pytest

LAB = "/hub/api/users/alice/servers/lab"


def target(answer) -> str:
    assert answer.code == 302, answer.body
    return answer.headers["Location"]


def morsels(answer) -> dict:
    return {
        name: morsel
        for line in answer.headers.get_list("Set-Cookie")
        for name, morsel in SimpleCookie(line).items()
    }


async def test_user_redirect_hook_returns_target_or_default(make_hub):
    asked = []

    async def hook(path, request, user, base_url):
        asked.append((path, request.query, user.name, base_url))
        return None if path == "lab" else f"{base_url}user/{user.name}/x/{path}"

    hub = await make_hub(options={"user_redirect_hook": hook})
    browser = await hub.logged_in()
    assert target(await browser.get("/hub/user-redirect/tree?a=1")) == "/user/alice/x/tree"
    assert target(await browser.get("/hub/user-redirect/lab")).startswith("/hub/spawn/alice?next=")
    assert asked == [("tree", "a=1", "alice", "/"), ("lab", "", "alice", "/")]


async def test_user_redirect_leads_to_default_named_server(make_hub):
    hub = await make_hub(allow_named_servers=True, options={"default_server_name": "lab"})
    browser = await hub.logged_in()
    where = urlsplit(target(await browser.get("/hub/user-redirect/tree?a=1")))
    assert where.path == "/hub/spawn/alice/lab"
    assert parse_qs(where.query)["next"] == ["/user/alice/lab/tree?a=1"]


async def test_failing_function_is_named_without_side_effects(make_hub, caplog):
    hub = await make_hub(options={"user_redirect_hook": lambda *_: 1 / 0, "default_url": lambda _: 1 / 0})
    browser = hub.browser()
    await browser.get("/hub/login")
    form = {"username": "alice", "password": "wonder", "_xsrf": browser.xsrf}
    answer = await browser.post("/hub/login", form=form)
    assert answer.code == 500
    assert b"something went wrong in the hub" in answer.body
    assert "c.JupyterHub.default_url failed: ZeroDivisionError" in caplog.text


async def test_default_url_function_sets_login_target(make_hub):
    async def default(handler):
        return f"/hub/home?{handler.request.host_name}"

    hub = await make_hub(options={"default_url": default})
    browser = await hub.logged_in_bare()
    assert target(await browser.get("/hub/")) == "/hub/home?127.0.0.1"


async def test_logout_stops_servers_if_configured(make_hub):
    for wanted in (True, False):
        hub = await make_hub(options={"shutdown_on_logout": wanted})
        await hub.running("alice")
        browser = await hub.logged_in()
        await browser.post("/hub/logout", form={"_xsrf": browser.xsrf})
        record = await hub.servers.get("alice", "")
        assert (record.pending == "stop" or not record.active) is wanted


async def test_named_server_limit_function(make_hub):
    async def limit(handler):
        return 0 if handler.current_user.admin else 1

    hub = await make_hub(allow_named_servers=True, options={"named_server_limit_per_user": limit})
    user, admin = await hub.program("alice"), await hub.admin()
    assert (await user.ask("PUT", LAB)).code == 201
    refused = await user.ask("PUT", f"{LAB}2")
    assert (refused.code, b"maximum of 1" in refused.body) == (400, True)
    assert (await user.post(f"{LAB}2")).code == 400
    assert (await admin.ask("PUT", f"{LAB}2")).code == 201
    assert (await admin.post(f"{LAB}3")).code == 201
    browser = await hub.logged_in()
    assert b"You have 3 of at most 1." in (await browser.get("/hub/home")).body


async def test_invalid_named_server_limit_is_reported(make_hub, caplog):
    hub = await make_hub(allow_named_servers=True, options={"named_server_limit_per_user": lambda _: "many"})
    answer = await (await hub.program()).ask("PUT", LAB)
    assert answer.code == 500
    assert json.loads(answer.body)["message"] == "something went wrong in the hub"
    assert "must return a non-negative integer" in caplog.text


@pytest.mark.parametrize(("allowed", "code"), [("allow-start", 201), ("allow-delete", 400)])
async def test_server_with_legacy_name_is_started_or_only_deleted(make_hub, allowed, code):
    hub = await make_hub(allow_named_servers=True, allow_existing_invalid_named_servers=allowed)
    user, program = await hub.user(), await hub.program()
    await hub.store.write(lambda tx: tx.servers.create(user.id, "My_Lab"))
    assert (await program.post("/hub/api/users/alice/servers/My_Lab")).code == code
    assert (await program.post("/hub/api/users/alice/servers/My_Other")).code == 400
    deleted = await program.ask("DELETE", "/hub/api/users/alice/servers/My_Lab", model={"remove": True})
    assert deleted.code in {202, 204}


async def test_stopped_server_status_is_configurable(make_hub):
    hub = await make_hub(options={"use_legacy_stopped_server_status_code": True})
    browser = await hub.logged_in()
    assert (await browser.get("/hub/user/alice/lab")).code == 503
    assert (await browser.get("/hub/user/alice/api/kernels")).code == 503
    assert (await browser.post("/user/alice/api/kernels")).code == 503


async def test_page_length_is_configurable(make_hub):
    hub = await make_hub(options={"api_page_default_limit": 2, "api_page_max_limit": 3})
    admin = await hub.admin()
    await admin.post("/hub/api/users", model={"usernames": ["a1", "a2", "a3", "a4"]})

    async def length(query: str, **headers: str) -> int:
        found = json.loads((await admin.get(f"/hub/api/users{query}", headers=headers)).body)
        return len(found["items"] if headers else found)

    assert await length("") == 3
    assert await length("?limit=100") == 3
    assert await length("", Accept="application/jupyterhub-pagination+json") == 2


async def test_host_prefixed_cookies_work(make_hub):
    hub = await make_hub(cookie_host_prefix_enabled=True)
    browser = hub.browser()
    morsel = morsels(await browser.log_in("alice", "wonder"))["__Host-jupyterhub-hub-login"]
    assert (morsel["path"], morsel["secure"], morsel["domain"]) == ("/", True, "")
    assert (await browser.get("/hub/home")).code == 200
    out = await browser.post("/hub/logout", form={"_xsrf": browser.xsrf})
    cleared = morsels(out)["__Host-jupyterhub-hub-login"]
    assert (cleared.value, cleared["path"], cleared["secure"]) == ("", "/", True)
    await hub.running("alice")
    assert hub.tiny.started[-1].environment["JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED"] == "1"


async def test_two_hubs_on_one_host_keep_separate_logins(make_hub):
    one, two = await make_hub(), await make_hub(cookie_suffix="-two")
    browser = await one.logged_in()
    browser.address = two.address
    await browser.get("/hub/login")
    form = {"username": "bob", "password": "builder", "_xsrf": browser.cookies["_xsrf-two", "/hub/"]}
    assert (await browser.post("/hub/login", form=form)).code == 302
    names = {name for name, _ in browser.cookies}
    assert {"jupyterhub-hub-login", "jupyterhub-hub-login-two", "_xsrf", "_xsrf-two"} <= names
    for hub, name in ((one, "alice"), (two, "bob"), (one, "alice")):
        browser.address = hub.address
        assert f"/hub/api/users/{name}/tokens" in (await browser.get("/hub/token")).body.decode()
    browser.address = two.address
    await browser.get("/hub/logout")
    assert (await browser.get("/hub/home")).code == 302
    browser.address = one.address
    assert (await browser.get("/hub/home")).code == 200


@pytest.mark.parametrize("proto", ["http", "https"])
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("path", ["/hub/login", "/hub/api/"])
async def test_https_sets_secure_cookies_and_hsts(make_hub, proto, known, path):
    hub = await make_hub(options={"secure_cookies": known, "hsts_max_age": 3600})
    answer = await hub.browser(**{"X-Forwarded-Proto": proto}).get(path)
    secure = known or proto == "https"
    assert answer.headers.get("Strict-Transport-Security") == ("max-age=3600" if secure else None)
    if path == "/hub/login":
        token = morsels(answer)["_xsrf"]
        assert (bool(token["secure"]), token["samesite"]) == (secure, "Lax")


async def test_no_hsts_without_seconds(make_hub):
    hub = await make_hub(options={"secure_cookies": True, "hsts_max_age": 0})
    assert "Strict-Transport-Security" not in (await hub.browser().get("/hub/login")).headers
    theirs = {"Strict-Transport-Security": "max-age=1; includeSubDomains"}
    hub = await make_hub(options={"secure_cookies": True, "hsts_max_age": 3600, "headers": theirs})
    answer = await hub.browser().get("/hub/login")
    assert answer.headers.get_list("Strict-Transport-Security") == list(theirs.values())


async def test_cookie_attributes_are_configurable(make_hub):
    hub = await make_hub(
        cookie_options={"SameSite": "None", "Secure": True},
        options={"xsrf_cookie": {"SameSite": "Strict"}},
    )
    browser = hub.browser()
    form = morsels(await browser.get("/hub/login"))["_xsrf"]
    assert (form["samesite"], form["max-age"]) == ("Strict", "3600")
    answer = await browser.post(
        "/hub/login", form={"username": "alice", "password": "wonder", "_xsrf": browser.xsrf}
    )
    login = morsels(answer)["jupyterhub-hub-login"]
    assert (login["samesite"], login["secure"], login["httponly"]) == ("None", True, True)
    assert login["path"] == "/hub/"
    await hub.running("alice")
    given = json.loads(hub.tiny.started[-1].environment["JUPYTERHUB_COOKIE_OPTIONS"])
    assert given == {"SameSite": "None", "Secure": True}


async def test_implicit_spawn_never_follows_failure(make_hub):
    hub = await make_hub(options={"implicit_spawn_seconds": 3})
    browser = await hub.logged_in()
    page = (await browser.get("/hub/user/alice/lab")).body.decode()
    assert '<meta http-equiv="refresh" content="3;url=/hub/spawn/alice?next=%2Fuser%2Falice%2Flab">' in page
    hub.tiny.failure = "no room"
    await browser.get("/hub/spawn/alice")
    page = (await browser.get("/hub/spawn-pending/alice")).body.decode()
    assert "no room" in page
    assert "refresh" not in page
