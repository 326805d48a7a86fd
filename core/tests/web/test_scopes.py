"""Each API call with each of its scopes, filtered and unfiltered."""

from __future__ import annotations

import json

import pytest

from plughub.domain.roles import Role
from plughub.web.api_routes import CALLS
from plughub.web.authorization import NO_ACCESS

PARTS = {
    "name": "bob",
    "server": "lab",
    "token": "a1",
    "session": "s1",
    "group": "class",
    "service": "cull",
    "owner": "carol",
}
TARGETS = {"name": "user=bob", "group": "group=class", "service": "service=cull"}
OTHERS = {"name": "user=carol", "group": "group=staff", "service": "service=other"}
EVERY_FILTER = ("user=alice", "server=alice/", "group=class", "service=cull")
LISTS = {
    "/users": {"user=alice", "group=class"},
    "/groups": {"group=class"},
    "/services": {"service=cull"},
    "/servers": {"user=alice", "server=alice/", "group=class"},
    "/usage": {"user=alice", "group=class"},
    "/usage/runs": {"user=alice", "group=class"},
}


def scopes_of(call):
    return call.scopes


SCOPED = [call for call in CALLS if scopes_of(call) and call.path != "/shutdown"]
WITH_TARGET = [call for call in SCOPED if "{" in call.path]
WITHOUT = [call for call in CALLS if scopes_of(call) and "{" not in call.path]


@pytest.fixture
async def ask(make_hub):
    """Make a request as alice with some scopes, in addition to those of named roles."""
    hub = await make_hub(allow_named_servers=True)
    for name in ("alice", "bob", "carol"):
        await hub.user(name)
    await hub.store.write(lambda tx: tx.groups.create(["class", "staff"]))
    user = await hub.user("alice")
    made = await hub.tokens.create(user)
    client = hub.browser(Authorization=f"token {made.text}")

    async def ask(call, *scopes):
        def hold(tx):
            tx.roles.ensure([Role(name="tested", scopes=scopes), Role(name="user")])
            tx.roles.grant("tested", "user", ["alice"])

        await hub.store.write(hold)
        answer = await client.ask(call.method, f"/hub/api{call.path.format(**PARTS)}", body=b"{}")
        message = json.loads(answer.body).get("message") if answer.code >= 400 else ""
        return answer.code, message

    return ask


NEEDED = """
GET /metrics: read:metrics
GET /info: read:hub
GET POST PATCH /proxy: proxy
GET /audit: read:audit
PUT DELETE /announcement: announce
GET /findings: read:hub
GET /usage: read:usage
GET /usage/runs: read:usage
POST /shutdown: shutdown
GET /users: list:users
POST /users: admin:users
GET /users/{name}: read:users read:users:name read:users:groups read:users:activity read:servers \
    read:roles:users admin:auth_state
POST PATCH /users/{name}: admin:users
DELETE /users/{name}: delete:users
POST /users/{name}/activity: users:activity
GET /users/{name}/start-choices: start:servers
GET /servers: read:servers
GET /users/{name}/server: read:servers
POST PUT PATCH /users/{name}/server: start:servers
DELETE /users/{name}/server: delete:servers
GET /users/{name}/server/progress: read:servers
GET /users/{name}/server/usage: read:servers
GET /users/{name}/server/logs: start:servers admin:server_state
GET /users/{name}/server/logs/stream: start:servers admin:server_state
GET /users/{name}/servers/{server}: read:servers
POST PUT PATCH /users/{name}/servers/{server}: start:servers
DELETE /users/{name}/servers/{server}: delete:servers
GET /users/{name}/servers/{server}/progress: read:servers
GET /users/{name}/servers/{server}/usage: read:servers
GET /users/{name}/servers/{server}/logs: start:servers admin:server_state
GET /users/{name}/servers/{server}/logs/stream: start:servers admin:server_state
GET /users/{name}/server/announced-stop: read:servers
PUT DELETE /users/{name}/server/announced-stop: delete:servers
GET /users/{name}/servers/{server}/announced-stop: read:servers
PUT DELETE /users/{name}/servers/{server}/announced-stop: delete:servers
GET /users/{name}/tokens: read:tokens
GET /users/{name}/tokens/{token}: read:tokens
DELETE /users/{name}/tokens/{token}: tokens
GET /users/{name}/sessions: read:tokens
DELETE /users/{name}/sessions: tokens
GET /groups: list:groups
POST /groups: admin:groups
GET /groups/{group}: read:groups read:groups:name read:roles:groups
POST /groups/{group}: admin:groups
DELETE /groups/{group}: delete:groups
POST DELETE /groups/{group}/users: groups
PUT /groups/{group}/properties: groups
GET /services: list:services
GET /services/{service}: read:services read:services:name read:roles:services
POST DELETE /services/{service}: admin:services
POST /services/{service}/restart: admin:services
DELETE /services/{service}/tokens/{token}: admin:services
POST DELETE /users/{name}/login-link: admin:users
DELETE /users/{name}/sessions/{session}: tokens
GET /shares/{name}: read:shares
GET /shares/{name}/{server}: read:shares
POST PATCH DELETE /shares/{name}/{server}: shares
GET /share-codes/{name}: read:shares
GET /share-codes/{name}/{server}: read:shares
POST DELETE /share-codes/{name}/{server}: shares
GET /users/{name}/shared: read:users:shares
GET /users/{name}/shared/{owner}/{server}: read:users:shares
DELETE /users/{name}/shared/{owner}/{server}: users:shares
GET /groups/{group}/shared: read:groups:shares
GET /groups/{group}/shared/{owner}/{server}: read:groups:shares
DELETE /groups/{group}/shared/{owner}/{server}: groups:shares
"""
"""What JupyterHub asks for, any of them, and calls of our own; calls that ask for no scope are not in it."""


def test_calls_need_same_scopes_as_jupyterhub():
    needed = {}
    for line in NEEDED.replace("\\\n", "").strip().splitlines():
        calls, _, scopes = line.partition(": ")
        *methods, path = calls.split()
        needed |= {(method, path): set(scopes.split()) for method in methods}
    asked = {(call.method, call.path): set(scopes_of(call)) for call in CALLS if scopes_of(call)}
    assert asked == needed


def refusal(call):
    return f"Action is not authorized with current scopes; requires any of [{', '.join(scopes_of(call))}]"


def test_table_is_not_empty():
    assert len(WITH_TARGET) > 25
    assert len(WITHOUT) > 8


@pytest.mark.parametrize("call", WITH_TARGET, ids=lambda call: f"{call.method} {call.path}")
async def test_filter_grants_only_named_resource(ask, call):
    part = next(name for name in TARGETS if f"{{{name}}}" in call.path)
    assert await ask(call) == (403, refusal(call))
    for scope in scopes_of(call):
        assert await ask(call, f"{scope}!{OTHERS[part]}") == (404, NO_ACCESS), scope
    for scope in scopes_of(call):
        status, message = await ask(call, f"{scope}!{TARGETS[part]}")
        assert message != NO_ACCESS, scope
        assert message != refusal(call), scope
        assert status < 500


@pytest.mark.parametrize("call", WITHOUT, ids=lambda call: f"{call.method} {call.path}")
async def test_filter_grants_nothing_without_target(ask, call):
    """GHSA-69wv-m5fw-2fhp: only lists that are cut to the filter take one."""
    for scope in scopes_of(call):
        for limit in EVERY_FILTER:
            status, message = await ask(call, f"{scope}!{limit}")
            if call.method == "GET" and limit in LISTS.get(call.path, ()):
                assert status == 200, (scope, limit)
            else:
                assert (status, message) == (403, refusal(call)), (scope, limit)
    if call.path != "/shutdown":
        status, _ = await ask(call, *scopes_of(call))
        assert status not in {403, 404}


GROUP, LAB, BOB = "/groups/class", "/users/bob/servers/lab", "/users/bob"
RENAME, JOIN, MEMBERS = {"name": "robert"}, {"users": ["bob"]}, {"groups": ["new"], "users": ["bob"]}
SHARES, CODES = "/shares/bob/lab", "/share-codes/bob/lab"
TO_CAROL, TO_CLASS, MORE = {"user": "carol"}, {"group": "class"}, {"scopes": ["servers!server=bob/lab"]}
AFTER = [
    # a rename needs a scope for the new name; a group filter covers users, not names
    ("PATCH", BOB, RENAME, 403, "admin:users!user=bob"),
    ("PATCH", BOB, RENAME, 403, "admin:users!group=staff"),
    ("PATCH", BOB, RENAME, 200, "admin:users!user=bob admin:users!user=robert"),
    ("PATCH", BOB, RENAME, 200, "admin:users!group=staff admin:users!user=robert"),
    ("PATCH", BOB, RENAME, 200, "admin:users"),
    ("PATCH", BOB, {}, 200, "admin:users!group=staff"),
    # renames and memberships grant no access to other users
    ("PATCH", BOB, RENAME, 403, "admin:users access:servers!user=robert"),
    ("PATCH", BOB, RENAME, 403, "admin:users access:servers!server=robert/lab"),
    ("PATCH", BOB, RENAME, 200, "admin:users access:servers!user=robert access:servers!user=bob"),
    ("PATCH", BOB, RENAME, 200, "admin:users access:servers"),
    ("POST", f"{GROUP}/users", JOIN, 200, "groups!group=class"),
    ("POST", f"{GROUP}/users", JOIN, 403, "groups!group=class access:servers!group=class"),
    ("POST", f"{GROUP}/users", JOIN, 403, "groups tokens!group=class"),
    ("POST", f"{GROUP}/users", JOIN, 403, "admin:groups admin:users!group=class users"),
    ("POST", f"{GROUP}/users", JOIN, 403, "groups!group=class read:users!group=class"),
    ("POST", f"{GROUP}/users", JOIN, 200, "groups!group=class servers!group=class servers!user=bob"),
    ("POST", f"{GROUP}/users", JOIN, 200, "groups!group=class servers!group=class servers!group=staff"),
    ("POST", f"{GROUP}/users", JOIN, 200, "groups!group=class servers!group=class servers"),
    ("POST", f"{GROUP}/users", {"users": ["root"]}, 200, "groups!group=class"),
    ("POST", "/groups/watched/users", JOIN, 200, "groups"),
    ("POST", "/groups/watched/users", {"users": ["root"]}, 403, "groups"),
    ("POST", "/groups/new", JOIN, 201, "admin:groups!group=new"),
    ("POST", "/groups/new", JOIN, 403, "admin:groups!group=new servers!group=new"),
    ("POST", "/groups", MEMBERS, 201, "admin:groups"),
    ("POST", "/groups", MEMBERS, 403, "admin:groups delete:users!group=new"),
    # a renamed server must stay covered
    ("PATCH", LAB, {"name": "other"}, 404, "start:servers!server=bob/lab"),
    (
        "PATCH",
        LAB,
        {"name": "other"},
        200,
        "start:servers!server=bob/lab start:servers!server=bob/other read:servers",
    ),
    ("PATCH", LAB, {"name": "other"}, 200, "start:servers!user=bob read:servers"),
    ("PATCH", LAB, {"name": "other"}, 403, "start:servers access:servers!server=bob/other read:servers"),
    # shares and roles are checked with the new name, too
    ("PATCH", LAB, {"name": "other"}, 403, "start:servers shares!server=bob/other read:servers"),
    ("PATCH", LAB, {"name": "other"}, 403, "start:servers read:shares!server=bob/other read:servers"),
    ("PATCH", LAB, {"name": "other"}, 200, "start:servers shares!user=bob read:servers"),
    ("PATCH", BOB, RENAME, 403, "admin:users shares!user=robert"),
    ("PATCH", BOB, RENAME, 403, "admin:users users:shares!user=robert"),
    ("PATCH", BOB, RENAME, 200, "admin:users read:roles:users!user=robert"),
    ("PATCH", BOB, RENAME, 200, "admin:users shares"),
    ("PATCH", BOB, {"name": "boss"}, 403, "admin:users"),
    ("PATCH", BOB, {"name": "boss"}, 403, "admin:users!user=bob admin:users!user=boss"),
    ("POST", f"{GROUP}/users", JOIN, 403, "groups!group=class shares!group=class"),
    ("POST", f"{GROUP}/users", JOIN, 403, "groups users:shares!group=class"),
    ("POST", f"{GROUP}/users", JOIN, 403, "groups read:roles:users!group=class"),
    ("POST", f"{GROUP}/users", JOIN, 200, "groups shares!group=class shares!user=bob"),
    ("POST", "/groups/shared/users", JOIN, 403, "groups!group=shared"),
    ("POST", "/groups/shared/users", JOIN, 200, "groups!group=shared access:servers!server=carol/lab"),
    ("POST", "/groups/shared/users", JOIN, 200, "groups!group=shared access:servers!user=carol"),
    ("POST", "/groups/taught/users", JOIN, 403, "groups"),
    ("POST", "/groups/taught/users", JOIN, 200, "groups read:hub"),
    ("DELETE", "/groups/taught", {}, 403, "admin:groups"),
    ("DELETE", "/groups/taught", {}, 204, "admin:groups read:hub"),
    ("DELETE", "/groups/shared", {}, 204, "admin:groups"),
    # a share covers server and recipient, and grants no more than its creator holds
    ("POST", SHARES, TO_CAROL, 200, "shares!server=bob/lab read:users:name!user=carol"),
    ("POST", SHARES, TO_CAROL, 200, "shares!group=staff read:users:name"),
    ("POST", SHARES, TO_CAROL, 403, "shares!server=bob/lab"),
    ("POST", SHARES, TO_CAROL, 403, "shares!server=bob/lab read:users:name!user=bob"),
    ("POST", SHARES, TO_CAROL, 404, "shares!server=bob/ read:users:name"),
    ("POST", SHARES, TO_CLASS, 200, "shares!server=bob/lab read:groups:name!group=class"),
    ("POST", SHARES, TO_CLASS, 403, "shares!server=bob/lab read:groups:name!group=staff"),
    ("POST", SHARES, TO_CLASS, 403, "shares!server=bob/lab read:users:name"),
    ("POST", SHARES, TO_CAROL | MORE, 403, "shares!server=bob/lab read:users:name"),
    ("POST", SHARES, TO_CAROL | MORE, 200, "shares!server=bob/lab servers!server=bob/lab read:users:name"),
    ("POST", CODES, {}, 200, "shares!server=bob/lab"),
    ("POST", CODES, {}, 404, "shares!server=bob/"),
    ("POST", CODES, MORE, 403, "shares!server=bob/lab"),
    ("POST", CODES, MORE, 200, "shares!server=bob/lab servers!user=bob"),
    ("PATCH", SHARES, TO_CAROL, 200, "shares!server=bob/lab"),
    ("DELETE", "/users/carol/shared/bob/lab", {}, 404, "users:shares!user=bob"),
    ("DELETE", "/groups/class/shared/bob/lab", {}, 404, "groups:shares!group=staff"),
]
"""Method, path, body, answer, scopes: the state after a change is checked like the state before it."""


@pytest.mark.parametrize(("method", "path", "body", "status", "scopes"), AFTER)
async def test_result_of_change_must_be_covered(make_hub, method, path, body, status, scopes):
    hub = await make_hub(allow_named_servers=True)
    client = await hub.holder("alice", *scopes.split())
    bob, root, carol = [await hub.user(name) for name in ("bob", "root", "carol")]

    def prepare(tx):
        tx.groups.create(["class", "staff", "watched", "shared", "taught"])
        shared = tx.servers.create(carol.id, "lab")
        tx.shares.grant(shared, "group", tx.groups.get("shared").id, ["access:servers!server=carol/lab"])
        tx.roles.ensure([Role(name="teacher", scopes=("read:hub",))])
        tx.roles.grant("teacher", "group", ["taught"])
        tx.users.set_groups(bob.id, ["staff"])
        tx.users.set_admin(root.id, admin=True)
        tx.servers.create(bob.id, "lab")
        tx.roles.ensure([Role(name="watcher", scopes=("access:servers!group=watched",))])

    await hub.store.write(prepare)
    answer = await client.ask(method, f"/hub/api{path}", model=body)
    assert answer.code == status, answer.body
