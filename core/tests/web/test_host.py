"""Untrusted host names in requests."""

from __future__ import annotations

import asyncio
import re

import pytest

from plughub.domain.origins import Origins
from plughub.web.api_routes import API
from plughub.web.page_routes import PAGES

EVIL = "evil.example"
HEADERS = {"Host": EVIL, "X-Forwarded-Host": EVIL, "Forwarded": f"host={EVIL}"}
PAGINATED = {"Accept": "application/jupyterhub-pagination+json"}


def addresses():
    """Return all addresses of the hub for the user alice."""
    for pattern, _ in (*PAGES, *API):
        path = re.sub(r"\(\?:/\.\*\)\?|\(\.\*\)|/\?$", "", pattern).replace("()", "")
        path = path.replace("([^/]+)", "alice").replace("([^/]*)", "lab").replace(r"(\d{3})", "404")
        yield f"/hub{path}"
    yield from (
        "/",
        "/user/alice/api/status",
        "/hub/user/alice/api/x",
        "/hub/none",
        "/hub/api/none",
        "/services/x/",
    )


async def answers(hub, visitor, host):
    for path in dict.fromkeys(addresses()):
        if path.endswith(("/progress", "/logout", "/events", "/stream")):
            continue
        for more in ({}, PAGINATED):
            answer = await visitor.get(
                f"{path}?next=http://{EVIL}/hub/home&limit=1", headers={**host, **more}
            )
            yield (
                path,
                f"{answer.code} {dict(answer.headers.get_all())} {answer.body.decode(errors='replace')}",
            )


@pytest.mark.parametrize("known", [True, False])
async def test_no_response_echoes_request_host(make_hub, known) -> None:
    hub = await make_hub(origins=Origins(hub="https://hub.example.org") if known else Origins())
    await hub.user("bob")
    admin = await hub.admin()
    browser = hub.browser()
    await browser.log_in("alice", "wonder")
    seen = ""
    for visitor in (hub.browser(), browser, admin):
        async for path, text in answers(hub, visitor, HEADERS):
            # links back to the same query may contain its text
            cut = re.sub(rf"next=[^\s\"'&]*{EVIL}[^\s\"'&]*|http://{EVIL}/hub/home", "", text)
            assert EVIL not in cut, (path, cut)
            seen += text
    url = "https://hub.example.org/hub/api/users?" if known else '"/hub/api/users?'
    assert url in seen


async def test_absolute_request_for_other_host_is_not_redirected(hub) -> None:
    host, _, port = hub.address.removeprefix("http://").partition(":")
    for path in ("/hub/home", "/hub/login", "/", "/user/alice/"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"GET http://{EVIL}{path} HTTP/1.1\r\nHost: {EVIL}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = (await reader.read()).decode()
        writer.close()
        assert answer.startswith("HTTP/1.1 404"), answer[:100]
        assert EVIL not in answer


async def test_own_addresses_are_echoed(make_hub) -> None:
    hub = await make_hub(origins=Origins(hub="https://hub.example.org"))
    admin = await hub.admin()
    await hub.user("bob")
    answer = await admin.get("/hub/api/users?limit=1", headers=PAGINATED)
    assert f"{hub.address}/hub/api/users?offset=1&limit=1" in answer.body.decode().replace("\\", "")
