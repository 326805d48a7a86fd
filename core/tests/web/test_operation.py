"""Proxy calls, shutdown, and calls of older clients."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest

PROXY = "/hub/api/proxy"
OWNER = "/hub/api/authorizations"


def model(answer):
    return json.loads(answer.body)


async def test_routes_are_listed(hub):
    admin = await hub.admin()
    await hub.running("alice")
    await admin.post(PROXY)
    shown = model(await admin.get(PROXY))
    assert set(shown) == {"/", "/user/alice/"}
    assert shown["/user/alice/"]["data"] == {"user": "alice", "server_name": ""}
    assert shown["/user/alice/"]["target"].startswith("http://127.0.0.1:")
    used = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    hub.proxy.routes["/"] = replace(hub.proxy.routes["/"], last_activity=used)
    shown = model(await admin.get(PROXY))
    assert shown["/"]["data"] == {"hub": True, "last_activity": "2026-01-02T03:04:05.000000Z"}
    pages = {"Accept": "application/jupyterhub-pagination+json"}
    page = model(await admin.get(f"{PROXY}?limit=1&offset=1", headers=pages))
    assert (list(page["items"]), page["_pagination"]["total"]) == (["/user/alice/"], 2)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_routes_are_repaired_on_request(hub, method):
    admin = await hub.admin()
    await hub.running("alice")
    hub.proxy.routes.clear()
    assert (await admin.ask(method, PROXY)).code == 200
    assert set(hub.proxy.routes) == {"/", "/user/alice/"}


@pytest.mark.parametrize("body", [[1], "x", {"color": 1}, {"api_url": "http://127.0.0.1:1"}, {"api_url": 1}])
async def test_proxy_address_cannot_be_changed(hub, body):
    answer = await (await hub.admin()).ask("PATCH", PROXY, model=body)
    assert (answer.code, bool(model(answer)["message"])) == (400, True)


async def test_shutdown_needs_scope(hub):
    assert (await (await hub.program()).post("/hub/api/shutdown")).code == 403
    admin = await hub.admin()
    assert (await admin.post("/hub/api/shutdown", model={"servers": "yes"})).code == 400
    assert hub.shutdowns == []
    answer = await admin.post("/hub/api/shutdown", model={"servers": False})
    assert (answer.code, model(answer)) == (202, {"message": "Shutting down Hub"})
    await admin.post("/hub/api/shutdown")
    assert hub.shutdowns == [(False, None), (None, None)]


async def test_token_owner(hub, caplog):
    caplog.set_level(logging.INFO)
    made = await hub.tokens.create(await hub.user("alice"))
    admin = await hub.admin()
    assert model(await admin.get(f"{OWNER}/token/{made.text}"))["name"] == "alice"
    assert (await admin.get(f"{OWNER}/token/{'0' * 32}")).code == 404
    other = await hub.program("bob", "read:users!user")
    shown = model(await other.get(f"{OWNER}/token/{made.text}"))
    assert (shown["name"], "created" in shown) == (
        "alice",
        False,
    )  # its holder could request this with the token itself
    browser = await hub.logged_in("alice")
    assert (await browser.call("GET", f"{OWNER}/token/{made.text}")).code == 403
    assert made.text not in caplog.text


async def test_cookie_owner(hub):
    browser = await hub.logged_in("alice")
    cookie = next(value for (name, _), value in browser.cookies.items() if name == "jupyterhub-hub-login")
    admin = await hub.admin()
    path = f"{OWNER}/cookie/jupyterhub-hub-login"
    assert model(await admin.get(f"{path}/{cookie.strip(chr(34))}"))["name"] == "alice"
    assert (await admin.get(f"{path}/{cookie.strip(chr(34))[:-4]}AAAA")).code == 404
    assert (await admin.get(f"{OWNER}/cookie/other/{cookie.strip(chr(34))}")).code == 404
    assert (await admin.get(path)).code == 404
    in_body = await admin.ask("GET", path, body=cookie.strip(chr(34)).encode())
    assert model(in_body)["name"] == "alice"
    assert (await admin.ask("GET", path, body=b"\xff{")).code == 404


async def test_removed_calls_are_refused(hub):
    admin = await hub.admin()
    for path in ("/token", "/token/abc"):
        answer = await admin.post(f"{OWNER}{path}")
        assert (answer.code, bool(model(answer)["message"])) == (404, True)
    assert (await admin.post("/hub/api/users/root/admin-access")).code == 403
