"""Unsupported methods, and HEAD requests."""

from __future__ import annotations

import re

import pytest
from tornado.web import RequestHandler

from plughub.domain.declarations import Declarations
from plughub.domain.service_specs import read_services
from plughub.services.users.configuration_sync import sync_configuration
from plughub.web.api.calls import pattern_of
from plughub.web.api_routes import API, CALLS
from plughub.web.headers import METHODS
from plughub.web.page_routes import PAGES

STATIC = "/hub/static/logo.svg"
SHOWS = {"/hub/home": 200, "/hub/token": 200, "/hub/login": 302, "/hub/": 302, "/hub/user/alice/": 424,
         "/hub/logo": 200, "/hub/health": 200, "/hub/metrics": 403, "/hub/error/404": 200, "/hub/nothing": 404,
         STATIC: 200}  # fmt: skip


def address(pattern):
    """Return an address that matches a route."""
    path = (
        pattern.replace(r"\.", ".").replace("((?:/.*)?)", "/").removesuffix("/?").replace(r"(\d{3})", "404")
    )
    return "/hub" + (re.sub(r"\([^)]*\)", "alice", path.replace("?(.*)", "lab")) or "/")


def own_methods(handler):
    return {m for m in METHODS if getattr(handler, m.lower()) is not getattr(RequestHandler, m.lower())}


async def test_unsupported_method_returns_allowed_methods(hub):
    await hub.admin()
    browser = await hub.logged_in("root")
    for pattern, handler in (*PAGES, *((pattern_of(path), handler) for path, handler in API)):
        path, methods = address(pattern), own_methods(handler)
        if "GET" not in methods:
            methods.discard("HEAD")
        for method in set(METHODS) - methods:
            answer = await browser.ask(method, path, headers={"X-XSRFToken": browser.xsrf})
            assert answer.code == 405, (method, path, answer.body)
            assert set(answer.headers["Allow"].split(", ")) == methods, (method, path)
    answer = await hub.browser().ask("PURGE", "/hub/home")
    assert (answer.code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    answer = await browser.ask("POST", STATIC)
    assert (answer.code, answer.headers["Allow"]) == (405, "GET, HEAD")


async def test_allow_header_omits_method_refused_for_single_resource(hub):
    admin = await hub.admin()
    spec = read_services([{"name": "wiki", "url": "http://127.0.0.1:9"}])
    await hub.store.write(lambda tx: sync_configuration(tx, Declarations(services=spec)))
    answer = await admin.delete("/hub/api/services/wiki")
    assert (answer.code, answer.headers["Allow"]) == (405, "GET, POST, OPTIONS")


@pytest.mark.parametrize("path", SHOWS)
async def test_head_matches_get_without_body(hub, path):
    browser = await hub.logged_in()
    looked, shown = await browser.ask("HEAD", path), await browser.get(path)
    assert (looked.code, shown.code) == (SHOWS[path], SHOWS[path])
    assert looked.body == b""
    for name in ("Content-Type", "Location", "Cache-Control", "X-JupyterHub-Version"):
        assert looked.headers.get(name) == shown.headers.get(name), name


async def test_head_has_no_side_effects(hub):
    browser = await hub.logged_in()
    for path in ("/hub/spawn", "/hub/logout"):
        assert (await browser.ask("HEAD", path)).code == 200
    assert not (await hub.servers.get("alice", "")).active
    assert (await browser.get("/hub/home")).code == 200
    answer = await hub.browser().ask("HEAD", "/hub/spawn")
    assert answer.headers["Location"].startswith("/hub/login")


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b""])
async def test_empty_bodies_select_defaults(hub, body):
    admin = await hub.admin()
    await hub.user("bob")
    parts = {"name": "bob", "server": "", "group": "class", "service": "cull", "token": "a1", "owner": "bob"}
    for call in CALLS:
        if call.body is not None and call.path not in {"/shutdown", "/groups/{group}/properties"}:
            answer = await admin.ask(call.method, f"/hub/api{call.path.format(**parts)}", body=body)
            assert b"JSON" not in answer.body, (call.method, call.path, answer.body)
    await hub.user("carol")
    answer = await admin.post("/hub/api/users/carol/server", body=body)
    assert answer.code == 201, answer.body
    assert (await hub.servers.get("carol", "")).running


@pytest.mark.parametrize("body", [b"null", b"[]", b""])
async def test_missing_body_does_not_clear_properties(hub, body):
    admin = await hub.admin()
    await admin.post("/hub/api/groups/class", model={})
    await admin.ask("PUT", "/hub/api/groups/class/properties", model={"a": 1})
    assert (await admin.ask("PUT", "/hub/api/groups/class/properties", body=body)).code == 400
    group = await hub.store.read(lambda tx: tx.groups.get("class"))
    assert group.properties == {"a": 1}
