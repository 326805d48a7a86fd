from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from tornado.web import create_signed_value

from plughub.domain.clock import utcnow
from plughub.domain.errors import UnavailableError
from plughub.domain.hub_processes import HubHealth, HubProcess, HubStatus
from plughub.domain.scopes import DEFINITIONS
from plughub.web.api_routes import API


def model(answer):
    return json.loads(answer.body)


async def test_version_needs_no_login(hub):
    for path in ("/hub/api", "/hub/api/"):
        answer = await hub.browser().get(path)
        assert model(answer) == {"version": "6.1.1"}
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/hub/api/", "/hub/api/user", "/hub/login", "/hub/nowhere", "/hub/api/no"])
async def test_every_response_has_protocol_headers(hub, path):
    headers = (await hub.browser().get(path)).headers
    assert headers["X-JupyterHub-Version"] == "6.1.1"
    assert headers["Access-Control-Allow-Headers"] == "accept, content-type, authorization"
    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'; report-uri /hub/security/csp-report" in policy
    assert ("default-src 'none'" in policy) == path.startswith("/hub/api")
    assert bool(re.search(r"script-src 'self' 'nonce-[\w-]{20,}' 'strict-dynamic'", policy)) == (
        not path.startswith("/hub/api")
    )
    assert "http" not in policy


@pytest.mark.parametrize("name", ["Content-Security-Policy", "content-security-policy"])
async def test_configured_headers_take_precedence(make_hub, name):
    hub = await make_hub(options={"headers": {name: "frame-ancestors 'self'", "X-A": "b"}})
    for path in ("/hub/login", "/hub/api/"):
        headers = (await hub.browser().get(path)).headers
        assert headers["Content-Security-Policy"] == "frame-ancestors 'self'"
        assert headers["X-A"] == "b"


async def test_every_address_answers_options(hub):
    for path in ("/hub/api/user", "/hub/home"):
        assert (await hub.browser().ask("OPTIONS", path)).code == 200


@pytest.mark.parametrize("word", ["token", "Token", "bearer", "Bearer", "BEARER"])
async def test_token_authenticates_request(hub, word):
    made = await hub.tokens.create(await hub.user())
    answer = await hub.browser(Authorization=f"{word} {made.text}").get("/hub/api/user")
    assert model(answer)["name"] == "alice"
    assert model(answer)["token_id"] == f"a{made.record.id}"


async def test_unknown_token_is_refused_even_with_cookie(hub):
    browser = await hub.logged_in()
    answer = await browser.get("/hub/api/user", headers={"Authorization": "token " + "0" * 32})
    assert answer.code == 403
    assert model(answer) == {"status": 403, "message": "Missing or invalid credentials."}


async def test_nothing_from_anonymous_requests_is_cached(hub):
    for number in range(20):
        cookie = create_signed_value(hub.context.cookie_secret, "jupyterhub-hub-login", f"guess-{number}")
        for headers in (
            {"Authorization": f"token {number:032x}"},
            {"Cookie": f"jupyterhub-hub-login={cookie.decode()}"},
        ):
            assert (await hub.browser(**headers).get("/hub/api/user")).code == 403
    assert not hub.tokens.cache._entries


async def test_self_call_as_single_user_servers_make_it(hub):
    user = await hub.user()
    made = await hub.tokens.create(user, scopes=["access:servers!server=alice/"])
    found = model(await hub.browser(Authorization=f"token {made.text}").get("/hub/api/user"))
    assert found["kind"] == "user"
    assert found["name"] == "alice"
    assert found["groups"] == []
    assert found["admin"] is False
    assert found["session_id"] is None
    assert found["user_info"] is None
    assert "access:servers!server=alice/" in found["scopes"]
    assert "servers" not in found


async def test_revoked_token_stops_working_at_once(hub):
    program = await hub.program()
    token_id = model(await program.get("/hub/api/user"))["token_id"]
    assert (await program.delete(f"/hub/api/users/alice/tokens/{token_id}")).code == 204
    assert (await program.get("/hub/api/user")).code == 403


async def test_user_model_has_all_keys(hub):
    await hub.running()
    found = model(await (await hub.program()).get("/hub/api/users/alice"))
    assert found["server"] == "/user/alice/"
    assert found["roles"] == ["user"]
    server = found["servers"][""]
    assert server["ready"] is True
    assert server["stopped"] is False
    assert server["pending"] is None
    assert server["full_name"] == "alice/"
    assert server["progress_url"] == "/hub/api/users/alice/server/progress"
    assert server["started"].endswith("Z")
    assert "state" not in server
    assert "auth_state" not in found


async def test_model_keys_follow_scopes(hub):
    program = await hub.program("alice", "read:users:groups!user")
    assert set(model(await program.get("/hub/api/users/alice"))) == {
        "kind", "name", "groups", "user_info", "admin",
    }  # fmt: skip


async def test_server_state_needs_scope(hub):
    await hub.running()
    await hub.browser().log_in("root", "toor")
    found = model(await (await hub.program("root")).get("/hub/api/users/alice/server"))
    assert "operation" in found["state"]


async def test_stopped_servers_are_included_on_request(hub):
    program = await hub.program()
    assert model(await program.get("/hub/api/users/alice"))["servers"] == {}
    found = model(await program.get("/hub/api/users/alice?include_stopped_servers=1"))
    assert found["servers"][""]["stopped"] is True


async def test_resources_of_other_users_are_not_found(hub):
    await hub.user("bob")
    program = await hub.program("alice")
    for path in ("users/bob", "users/bob/server", "users/bob/tokens", "users/nobody", "users/nobody/server"):
        answer = await program.get(f"/hub/api/{path}")
        assert (answer.code, model(answer)["message"]) == (
            404,
            "No access to resources or resources not found",
        )


async def test_refusal_names_missing_scope(hub):
    program = await hub.program("alice", "read:users!user")
    answer = await program.post("/hub/api/users/alice/server")
    assert answer.code == 403
    wanted = "Action is not authorized with current scopes; requires any of [start:servers]"
    assert model(answer)["message"] == wanted


async def test_group_filter_covers_members(hub):
    bob = await hub.user("bob")
    await hub.store.write(lambda tx: tx.users.set_groups(bob.id, ["class"]))
    root = await hub.user("root")
    await hub.store.write(lambda tx: tx.users.set_admin(root.id, True))
    root = await hub.user("root")
    made = await hub.tokens.create(root, scopes=["read:users!group=class"])
    program = hub.browser(Authorization=f"token {made.text}")
    assert (await program.get("/hub/api/users/bob")).code == 200
    assert (await program.get("/hub/api/users/root")).code in {200, 404}
    await hub.user("alice")
    assert (await program.get("/hub/api/users/alice")).code == 404


async def test_every_call_refuses_anonymous_and_filtered_principals(hub):
    """Cover all routes: a scope filtered to another resource grants nothing."""
    open_to_all = {r"/api/?", r"/api/health", r"/api/user", r"/api/oauth2/token", r"/api/oauth2/authorize"}
    await hub.user("bob")
    everything = [
        f"{scope}!user=alice" for scope in DEFINITIONS if scope not in {"self", "inherit", "(no_scope)"}
    ]
    holder = await hub.program("alice", *[s for s in everything if s in _held_by_users()])
    for path, _ in API:
        if path in open_to_all:
            continue
        example = path.replace("([^/]+)", "bob").replace("([^/]*)", "lab")
        # The login page shows the announcement as well; events and servers are those that one may read.
        is_open = path in {"/api/announcement", "/api/events", "/api/servers"}
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")[is_open:]:
            for client in (hub.browser(), holder):
                answer = await client.ask(
                    method, f"/hub{example}", headers={"Content-Type": "application/json"}
                )
                assert answer.code in {403, 404, 405}, (method, example, answer.body)
                assert model(answer)["message"]


def _held_by_users():
    return {f"{scope}!user=alice" for scope in ("read:users", "servers", "tokens", "users:activity")}


async def test_unknown_path_returns_json(hub):
    answer = await hub.browser().get("/hub/api/nothing/here")
    assert answer.code == 404
    assert model(answer)["message"]


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[1]", b'"x"', b"[" * 100_000])
async def test_invalid_json_is_refused(hub, body):
    program = await hub.program()
    answer = await program.post("/hub/api/users/alice/server", body=body)
    assert answer.code == 400
    assert model(answer)["message"]


async def test_activity_only_moves_forward(hub):
    await hub.running()
    program = await hub.program()
    then = utcnow().replace(microsecond=0) + timedelta(minutes=5)

    async def post(moment):
        stamp = moment.isoformat().replace("+00:00", "Z")
        return await program.post(
            "/hub/api/users/alice/activity",
            model={"last_activity": stamp, "servers": {"": {"last_activity": stamp}}},
        )

    assert (await post(then)).code == 200
    await hub.activity.flush()
    assert (await post(then - timedelta(minutes=1))).code == 200
    await hub.activity.flush()
    found = model(await program.get("/hub/api/users/alice"))
    assert found["last_activity"] == then.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    assert found["servers"][""]["last_activity"] == found["last_activity"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"last_activity": "yesterday"},
        {"last_activity": "2999-01-01T00:00:00Z"},
        {"servers": {"lab": {"last_activity": "2020-01-01T00:00:00Z"}}},
        {"servers": {"": {}}},
        {"servers": []},
        {"servers": [1]},
    ],
)
async def test_invalid_activity_is_refused(hub, body):
    answer = await (await hub.program()).post("/hub/api/users/alice/activity", model=body)
    assert answer.code == 400


async def test_health_check_passes(hub):
    for path in ("/hub/health", "/hub/api/health"):
        answer = await hub.browser().get(path)
        assert (answer.code, model(answer)) == (200, {"status": "ok"})
        assert (await hub.browser().ask("HEAD", path)).code == 200


async def test_health_details_need_scope(hub):
    async def facts():
        process = HubProcess(id="this", host="node1", pid=7, url="http://n:1", birth=5.0, seen=2.0)
        status = HubStatus(process, alive=True, leads=("poll", "routes"))
        return HubHealth("this", (status,), {"poll": "this", "routes": "this"}, {"notes": "answers"})

    hub.facts = facts
    admin, alice = await hub.admin(), await hub.program("alice")
    root = hub.browser()
    await root.log_in("root", "toor")
    for path in ("/hub/health", "/hub/api/health"):
        for known, visitor in ((True, admin), (True, root), (False, alice), (False, hub.browser())):
            answer = await visitor.get(path)
            details = {
                "hub": "this",
                "hubs": [
                    {"id": "this", "host": "node1", "pid": 7, "alive": True, "leads": ["poll", "routes"]}
                ],
                "leases": {"poll": "this", "routes": "this"},
                "services": {"notes": "answers"},
            }
            wanted = {"status": "ok", **(details if known else {})}
            assert (answer.code, model(answer)) == (200, wanted), (path, visitor.headers)


async def test_health_check_reports_lost_database(hub):
    async def fail():
        raise UnavailableError("the database does not answer", retry_after=7)

    hub.facts = fail
    answer = await hub.browser().get("/hub/health")
    assert (answer.code, answer.headers["Retry-After"]) == (503, "7")
    assert model(answer)["message"] == "the database does not answer"


async def test_hub_info_needs_scope(hub):
    await hub.browser().log_in("root", "toor")
    assert model(await (await hub.program("root")).get("/hub/api/info"))["spawner"]["class"] == "tiny"
    assert (await (await hub.program("alice")).get("/hub/api/info")).code == 403


async def test_repeated_token_identification_needs_no_query(hub):
    made = await hub.tokens.create(await hub.user(), scopes=["access:servers!server=alice/"])
    program = hub.browser(Authorization=f"token {made.text}")
    assert (await program.get("/hub/api/user")).code == 200
    asked = []

    async def read(work):
        asked.append(work)

    hub.store.read = hub.store.write = read
    try:
        assert (await program.get("/hub/api/user")).code == 200
    finally:
        del hub.store.read, hub.store.write
    assert not asked


async def test_server_models_include_own_changes_at_once(hub):
    program = await hub.program()
    for _ in range(3):
        assert (await program.post("/hub/api/users/alice/server")).code == 201
        assert model(await program.get("/hub/api/user"))["servers"][""]["ready"] is True
        assert (await program.delete("/hub/api/users/alice/server")).code == 204
        assert model(await program.get("/hub/api/user"))["servers"] == {}
