"""Addresses of servers that reach the hub because the proxy has no route for them."""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from plughub.domain.clock import utcnow

JSON = {"Accept": "application/json"}


def location(answer):
    assert answer.code in {302, 303}, answer.body
    return answer.headers["Location"]


async def test_programs_get_json_for_stopped_server(hub):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/user/alice/api/kernels", "/hub/user/alice/api/kernels"):
            answer = await hub.browser().ask(method, path)
            assert answer.code == 424
            assert json.loads(answer.body)["message"]
            assert not answer.headers.get_list("Set-Cookie")


async def test_stopped_server_page_offers_start(hub):
    browser = await hub.logged_in()
    answer = await browser.get("/hub/user/alice/lab/tree?x=1")
    assert answer.code == 424
    link = re.search(r'href="(/hub/spawn/alice\?[^"]*)"', answer.body.decode())[1]
    assert parse_qs(urlsplit(link).query)["next"] == ["/user/alice/lab/tree?x=1"]
    assert not hub.tiny.started


async def test_stopped_server_page_knows_scopes_for_group_of_user(hub):
    await hub.user("bob")
    await hub.store.write(lambda tx: (tx.groups.create(["class"]), tx.groups.add_users("class", ["bob"])))
    await hub.holder("alice", "access:servers!group=class")
    browser = await hub.logged_in()
    answer = await browser.get("/hub/user/bob/")
    assert (answer.code, b'id="start"' in answer.body) == (424, False), "alice may only open it"
    await hub.holder("alice", "access:servers!group=class", "start:servers!group=class")
    answer = await browser.get("/hub/user/bob/")
    assert (answer.code, b'id="start"' in answer.body) == (424, True)
    assert b"Server of bob" in answer.body
    assert b"Your files" not in answer.body
    assert (await browser.get("/hub/user/nobody/")).code == 404


@pytest.mark.parametrize("path", ["/hub/user/bob/", "/hub/user/bob/lab", "/hub/user/nobody/"])
async def test_other_users_server_is_not_found(hub, path):
    await hub.user("bob")
    answer = await (await hub.logged_in("alice")).get(path)
    assert answer.code == 404
    assert "No access to resources" in answer.body.decode()


@pytest.mark.parametrize(("path", "headers"), [("api/status", {}), ("lab", JSON)])
async def test_json_names_start_address(hub, path, headers):
    for browser in (hub.browser(), await hub.logged_in()):
        answer = await browser.get(f"/hub/user/alice/{path}", headers=headers)
        assert (answer.code, answer.headers["Content-Type"]) == (424, "application/json")
        message = json.loads(answer.body)["message"]
        assert message == (
            f"JupyterHub server no longer running at /user/alice/{path}. "
            f"Restart the server at {hub.address}/hub/spawn/alice"
        )
    assert not (await hub.browser().get(f"/hub/user/alice/{path}", headers=headers)).headers.get_list(
        "Set-Cookie"
    )


async def test_pending_or_failed_start_is_shown(hub):
    hub.tiny.hold = asyncio.Event()
    browser = await hub.logged_in()
    await hub.servers.start(await hub.user())
    answer = await browser.get("/hub/user/alice/lab")
    assert answer.code == 303
    assert location(answer) == "/hub/spawn-pending/alice?next=%2Fuser%2Falice%2Flab"


async def test_redirects_to_running_server_are_limited(hub):
    browser = await hub.logged_in()
    await hub.running()
    answer = await browser.get("/hub/user/alice/lab?x=a%20b")
    assert location(answer) == "/user/alice/lab?x=a%20b&redirects=1"
    answer = await browser.get("/hub/user/alice/lab?redirects=4")
    assert answer.code == 500
    assert "Redirect loop detected." in answer.body.decode()


async def test_server_unreachable_by_proxy_is_redirected_to_once(make_hub):
    hub = await make_hub(proxy_host="test-host")
    browser = await hub.logged_in()
    await hub.running()
    server = await hub.servers.get("alice", "")

    def join_another(tx):
        for host in ("test-host", "other"):
            tx.hub_processes.join(host, host=host, pid=1, birth=1.0, url="")

    def bind(tx):
        launch = {"backend": server.backend, "launch": server.launch, "client_id": server.oauth_client_id}
        tx.servers.record_launch(server.id, host="other", **launch)
        tx.servers.mark_ready(server.id, utcnow())

    await hub.store.write(bind)
    assert location(await browser.get("/hub/user/alice/lab?redirects=1")) == "/user/alice/lab?redirects=2"
    await hub.store.write(join_another)
    # A route may be about to be added, and the browser's proxy may already have one.
    assert location(await browser.get("/hub/user/alice/lab")) == "/user/alice/lab?redirects=1"
    answer = await browser.get("/hub/user/alice/lab?redirects=1")
    assert (answer.code, "It is running on another machine" in answer.body.decode()) == (503, True)
    answer = await browser.ask("GET", "/hub/user/alice/lab?redirects=1", headers=JSON)
    assert (answer.code, "cannot be reached" in json.loads(answer.body)["message"]) == (503, True)


async def test_named_server_is_found_by_address(make_hub):
    hub = await make_hub(allow_named_servers=True)
    browser = await hub.logged_in()
    await hub.running("alice", "lab")
    assert location(await browser.get("/hub/user/alice/lab/tree")) == "/user/alice/lab/tree?redirects=1"
    assert (await browser.get("/hub/user/alice/other/tree")).code == 424


async def test_user_redirect_leads_to_own_server(hub):
    browser = await hub.logged_in()
    target = location(await browser.get("/hub/user-redirect/git-pull?repo=x&branch=y"))
    assert parse_qs(urlsplit(target).query)["next"] == ["/user/alice/git-pull?repo=x&branch=y"]
    assert urlsplit(target).path == "/hub/spawn/alice"


async def test_unreachable_server_is_shown_as_running_without_start(hub):
    browser = await hub.logged_in()
    await hub.running("alice")
    server = await hub.servers.get("alice", "")
    reason = "another process listens at its address"
    await hub.store.write(lambda tx: tx.servers.set_unreachable(server, reason))

    for path in ("/hub/user/alice/lab", "/hub/spawn-pending/alice"):
        page = await browser.get(path)
        assert (page.code, reason in page.body.decode()) == (503, False)
        assert "cannot be reached at the moment" in page.body.decode()
        assert "/hub/spawn/alice" not in page.body.decode()
    assert "not reachable" in (await browser.get("/hub/home")).body.decode()
    program = await browser.get("/hub/user/alice/lab", headers=JSON)
    assert (program.code, "cannot be reached" in json.loads(program.body)["message"]) == (503, True)
    model = json.loads((await (await hub.admin()).get("/hub/api/users/alice")).body)["servers"][""]
    assert (model["ready"], model["stopped"], model["pending"], model["problem"]) == (
        False,
        False,
        None,
        reason,
    )

    await hub.store.write(lambda tx: tx.servers.set_unreachable(server, ""))
    assert location(await browser.get("/hub/user/alice/lab")).startswith("/user/alice/lab")
