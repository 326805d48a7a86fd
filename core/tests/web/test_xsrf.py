"""Requests that another site makes the browser send."""

from __future__ import annotations

import itertools
import re

import pytest
from tornado.web import RequestHandler

from plughub.web.api.oauth import TokenForCodeHandler
from plughub.web.api_routes import API
from plughub.web.page_routes import PAGES
from plughub.web.pages.server import UserUrlHandler
from plughub.web.pages.small_pages import CSPReportHandler
from plughub.web.xsrf import make_token

MODES = ("", "navigate", "cors", "no-cors", "same-origin", "websocket")
SITES = ("", "cross-site", "same-site", "same-origin", "none")
CHANGING = (
    ("POST", "/hub/spawn"),
    ("POST", "/hub/spawn/alice"),
    ("POST", "/hub/logout"),
    ("POST", "/hub/api/users/alice/server"),
    ("DELETE", "/hub/api/users/alice/server"),
    ("POST", "/hub/api/users/alice/servers/lab"),
    ("DELETE", "/hub/api/users/alice/servers/lab"),
    ("POST", "/hub/api/users/alice/tokens"),
    ("DELETE", "/hub/api/users/alice/tokens/a1"),
    ("POST", "/hub/api/users/alice/activity"),
    ("POST", "/hub/api/oauth2/authorize?client_id=x"),
)

CHANGES_NOTHING_BY_COOKIE = {TokenForCodeHandler, CSPReportHandler, UserUrlHandler}
"""A client's secret counts, a line is logged, and programs learn that a server does not run."""


def fetch(mode: str, site: str) -> dict[str, str]:
    return {name: value for name, value in (("Sec-Fetch-Mode", mode), ("Sec-Fetch-Site", site)) if value}


@pytest.mark.parametrize(("method", "path"), CHANGING)
async def test_changing_requests_always_need_xsrf_token(hub, method, path):
    browser = await hub.logged_in()
    for mode, site in itertools.product(MODES, SITES):
        answer = await browser.ask(
            method, path, headers={**fetch(mode, site), "Content-Type": "application/json"}
        )
        assert answer.code == 403, (mode, site)
    assert not hub.tiny.started
    assert (await browser.get("/hub/home")).code == 200


async def test_every_changing_route_needs_xsrf_token(hub):
    """CVE-2020-36191: covers routes that are added later as well."""
    await hub.user("alice")
    admin = await hub.logged_in("root")
    asked = 0
    for pattern, handler in (*API, *PAGES):
        path = re.sub(r"\(\[\^/\][+*]\)", "alice", f"/hub{pattern}".removesuffix("/?"))
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            own = getattr(handler, method.lower()) is not getattr(RequestHandler, method.lower())
            if not own or handler in CHANGES_NOTHING_BY_COOKIE:
                continue
            asked += 1
            headers = {"Content-Type": "application/json", "Origin": "https://evil.test"}
            answer = await admin.ask(method, path, body=b"{}", headers=headers)
            if answer.code != 405:
                assert answer.code == 403, (method, path, answer.code)
                assert b"_xsrf" in answer.body or b"Try again" in answer.body, (method, path, answer.body)
    assert asked > 40


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_form_sent_to_api_is_anonymous(hub, kind):
    browser = await hub.logged_in()
    answer = await browser.post(
        f"/hub/api/users/alice/server?_xsrf={browser.xsrf}", body=b"--x--\r\n", headers={"Content-Type": kind}
    )
    assert answer.code == 403
    assert b"Missing or invalid credentials" in answer.body
    assert not hub.tiny.started


async def test_page_scripts_with_xsrf_token_are_accepted(hub):
    browser = await hub.logged_in()
    assert (await browser.call("POST", "/hub/api/users/alice/server")).code == 201


@pytest.mark.parametrize(
    ("mode", "site", "status"),
    [
        ("", "", 200),
        ("navigate", "cross-site", 200),
        ("cors", "same-origin", 403),
        ("cors", "cross-site", 403),
        ("no-cors", "cross-site", 403),
        ("no-cors", "same-site", 403),
        ("no-cors", "", 403),
        ("no-cors", "same-origin", 200),
    ],
)
async def test_read_api_with_cookie(hub, mode, site, status):
    browser = await hub.logged_in()
    answer = await browser.get("/hub/api/user", headers=fetch(mode, site))
    assert answer.code == status


@pytest.mark.parametrize("header", ["X-XSRFToken", "X-CSRFToken"])
async def test_xsrf_token_in_either_header(hub, header):
    browser = await hub.logged_in()
    headers = {"Sec-Fetch-Mode": "cors", header: browser.xsrf}
    assert (await browser.get("/hub/api/user", headers=headers)).code == 200


async def test_missing_and_wrong_xsrf_token_have_different_errors(hub):
    browser = await hub.logged_in()
    missing = await browser.get("/hub/api/user", headers={"Sec-Fetch-Mode": "cors"})
    assert b"'_xsrf' argument missing from GET" in missing.body
    wrong = await browser.get("/hub/api/user?_xsrf=x", headers={"Sec-Fetch-Mode": "cors"})
    assert b"XSRF cookie does not match GET argument" in wrong.body


async def test_api_token_needs_no_xsrf_token(hub):
    program = await hub.program()
    answer = await program.post("/hub/api/users/alice/server", headers={"Sec-Fetch-Mode": "cors"})
    assert answer.code == 201


async def test_xsrf_token_of_another_user_is_refused(hub):
    alice, bob = await hub.logged_in("alice"), await hub.logged_in("bob")
    headers = {"X-XSRFToken": bob.xsrf, "Content-Type": "application/json"}
    answer = await alice.post("/hub/api/users/alice/server", body=b"", headers=headers)
    assert answer.code == 403


async def test_xsrf_token_of_another_session_is_refused(hub):
    one, two = await hub.logged_in(), await hub.logged_in()
    headers = {"X-XSRFToken": two.xsrf, "Content-Type": "application/json"}
    assert (await one.post("/hub/api/users/alice/server", body=b"", headers=headers)).code == 403


async def test_server_cookie_for_own_path_is_ignored(hub):
    browser = await hub.logged_in()
    foreign = make_token(b"of the server" * 3, b"session:cookie").decode()
    cookies = [f"{name}={value}" for (name, _), value in browser.cookies.items()]
    for order in ([f"_xsrf={foreign}", *cookies], [*cookies, f"_xsrf={foreign}"]):
        answer = await browser.get(
            "/hub/api/user",
            headers={"Cookie": "; ".join(order), "Sec-Fetch-Mode": "cors", "X-XSRFToken": browser.xsrf},
        )
        assert answer.code == 200
        assert "_xsrf" not in "".join(answer.headers.get_list("Set-Cookie"))


async def test_xsrf_cookie_is_set_by_pages_only(hub):
    browser = hub.browser()
    for mode in ("cors", "no-cors"):
        answer = await browser.get("/hub/login", headers={"Sec-Fetch-Mode": mode})
        assert not answer.headers.get_list("Set-Cookie")
    answer = await browser.get("/hub/login", headers={"Sec-Fetch-Mode": "navigate"})
    cookie = "".join(answer.headers.get_list("Set-Cookie"))
    assert "_xsrf=" in cookie
    assert "Path=/hub/" in cookie
    assert "Max-Age=3600" in cookie
    assert "HttpOnly" not in cookie


async def test_api_refusals_set_no_cookies(hub):
    user = await hub.user()
    tests = [
        await hub.browser().get("/hub/api/user"),
        await hub.browser(Authorization="token nothing").get("/hub/api/user"),
    ]
    browser = await hub.logged_in()
    login = browser.cookies["jupyterhub-hub-login", "/hub/"]
    bare = hub.browser(Cookie=f"jupyterhub-hub-login={login}")
    tests.append(await bare.get("/hub/api/user", headers={"Sec-Fetch-Mode": "cors"}))
    tests.append(await bare.get("/hub/api/users/bob"))
    for answer in tests:
        assert answer.code in {403, 404}
        assert not answer.headers.get_list("Set-Cookie")
    assert user.name == "alice"


async def test_external_link_with_options_starts_nothing(hub):
    hub.tiny.form = '<input name="size">'
    browser = await hub.logged_in()
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    answer = await browser.get("/hub/spawn?opt-size=7", headers=foreign)
    assert answer.code == 200
    assert b"Start this server?" in answer.body
    assert not hub.tiny.started
    answer = await browser.get("/hub/spawn?opt-size=7")
    assert answer.code == 302
    assert hub.tiny.started[0].options == {"size": ["7"]}
