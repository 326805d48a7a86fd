"""Invalid input for every call: the error names the problem, and nothing is changed."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.clock import isoformat, utcnow
from plughub.domain.errors import InvalidError
from plughub.storage.tables import metadata
from plughub.web.api_routes import CALLS
from plughub.web.base import MAX_BODY
from plughub.web.bodies import FLAG, NUMBER, OBJECT, TEXT, TEXTS, read_json

PARTS = {
    "name": "bob", "server": "lab", "token": "a1", "group": "class", "service": "cull", "cookie": "c",
    "value": "v", "owner": "bob", "session": "1",
}  # fmt: skip
WITH_BODY = [call for call in CALLS if call.body is not None and call.path != "/shutdown"]
UNREADABLE = {
    "no JSON": b"{",
    "no UTF-8": b'{"a": "\xff"}',
    "half a pair": b'{"a": "\\ud800"}',
    "a null character": b'{"a": ["x\\u0000"]}',
    "no number": b'{"a": NaN}',
    "too large a number": b'{"a": 1e999}',
    "no object": b"[1]",
    "a bare text": b'"text"',
    "too deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,  # Python 3.13 reads thousands of levels
    "a key that means bytes": b'{"a": {"__jupyterhub_bytes__": true, "data": "eA=="}}',
    "too long": b'{"a": "' + b"x" * (10 * 1024 * 1024) + b'"}',
}
NOT_OF_ITS_KIND = {
    TEXT: [7, ["x"], {"x": 1}],
    FLAG: ["yes", 1, []],
    NUMBER: ["7", 1.5, True, {}],
    TEXTS: ["text", [1], {"a": "b"}, 7],
    OBJECT: ["text", [1], 7],
}
LONG = "n" * 500_000
FREE = {"/groups/{group}/properties"}
"""What is in the body is the caller's own."""
ELSEWHERE = {"/proxy"}
"""What it takes is refused altogether."""
OPTIONS = {"/users/{name}/server", "/users/{name}/servers/{server}"}
"""A body with unknown keys is options of the older form."""
TOLERANT = {"/users/{name}/tokens"}
"""Keys that are nothing like a known one are ignored."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
async def hub(request, make_hub):
    more = {}
    if request.param == "postgresql":
        more["url"] = request.getfixturevalue("postgresql").new_database()
    hub = await make_hub(allow_named_servers=True, **more)
    for name in ("bob", "carol"):
        await hub.user(name)
    bob = await hub.user("bob")
    await hub.store.write(lambda tx: tx.servers.create(bob.id, "lab"))
    await hub.store.write(lambda tx: tx.groups.create(["class"]))
    hub.root = await hub.admin()
    return hub


async def rows(hub):
    """Return all stored rows."""

    def read(connection):
        return {
            table.name: sorted(map(repr, connection.execute(table.select()).all()))
            for table in metadata.sorted_tables
            if table.name not in {"plughub_changes", "plughub_hubs", "plughub_leases"}
        }

    return await hub.store.database.read(read)


def path_of(call):
    return f"/hub/api{call.path.format(**PARTS)}"


async def refused(hub, call, body, path=""):
    before = await rows(hub)
    answer = await hub.root.ask(call.method, path or path_of(call), body=body)
    message = json.loads(answer.body or b"{}").get("message", "")
    assert 400 <= answer.code < 500, (call.method, call.path, body[:80], answer.code, message)
    assert answer.code in call.error_statuses, (call.method, call.path, body[:80], answer.code)
    assert 5 < len(message) < 600, message
    assert await rows(hub) == before, (call.method, call.path, body[:80])
    return message


async def test_every_call_refuses_unreadable_body(hub, caplog):
    caplog.set_level(logging.DEBUG, logger="plughub")
    for call in WITH_BODY:
        for what, body in UNREADABLE.items():
            message = await refused(hub, call, body)
            assert "body" in message or "JSON" in message, (what, message)
    assert max(len(record.getMessage()) for record in caplog.records) < 1000


async def test_errors_name_wrong_types_and_unknown_keys(hub, caplog):
    for call in WITH_BODY:
        if call.path in ELSEWHERE:
            continue
        if call.path not in FREE | OPTIONS | TOLERANT:
            assert "unknown_key" in await refused(hub, call, b'{"unknown_key": 1}')
        for key, kind in call.body.items():
            for value in NOT_OF_ITS_KIND[kind]:
                wrong = {key: value}
                if call.path in OPTIONS:
                    wrong["display_name"] = "x" if key != "display_name" else value
                assert key.split("_")[0] in await refused(hub, call, json.dumps(wrong).encode()), (
                    call,
                    wrong,
                )
    assert max((len(record.getMessage()) for record in caplog.records), default=0) < 1000


NO_SENSE = {
    "POST /users": [{"usernames": [LONG]}, {"usernames": ["good", "a/b"]}, {"usernames": ["good", ""]}, {}],
    "PATCH /users/{name}": [{"name": LONG}, {"name": "carol"}, {"name": "a\nb"}, {"name": ""}],
    "POST /users/{name}/activity": [
        {},
        {"last_activity": "yesterday"},
        {"last_activity": "9999-12-31T23:59:59+23:59"},
        {"last_activity": "0001-01-01T00:00:00+23:59"},
        {"last_activity": isoformat(utcnow() + timedelta(hours=2))},
        {"servers": {"lab": {"last_activity": "2999-01-01"}}},
        {"servers": {"nothing": {"last_activity": "2020-01-01"}}},
        {"servers": {LONG: {"last_activity": "2020-01-01"}}},
        {"servers": {"lab": {}}},
        {"servers": {"lab": {"last_activity": LONG}}},
    ],
    "POST /users/{name}/tokens": [
        {"note": LONG},
        {"expires_in": 10**30},
        {"expires_in": 0},
        {"expires_in": -5},
        {"scopes": [LONG]},
        {"scopes": ["admin:users"]},
        {"scopes": [f"read:users!user={LONG}"]},
        {"roles": [LONG]},
        {"scopes": [], "roles": []},
    ],
    "POST /users/{name}/server": [{"backend": LONG, "user_options": {}}],
    "PUT /users/{name}/servers/{server}": [{"display_name": LONG}, {"display_name": "a\nb"}],
    "PATCH /users/{name}/servers/{server}": [{"name": LONG}, {"name": "Bad_Name"}, {"display_name": LONG}],
    "POST /groups": [{"groups": [LONG]}, {"groups": ["good", " "]}, {"groups": ["g"], "users": [LONG]}, {}],
    "POST /groups/{group}/users": [{"users": [LONG]}, {"users": ["bob", "nobody"]}, {}],
    "DELETE /groups/{group}/users": [{"users": ["nobody"]}, {}],
    "POST /shares/{name}/{server}": [{"user": LONG}, {"group": LONG}, {"user": "carol", "scopes": [LONG]}],
    "POST /share-codes/{name}/{server}": [{"expires_in": 10**30}, {"scopes": [LONG]}],
    "PATCH /proxy": [{"api_url": LONG}],
}


async def test_impossible_requests_are_refused_without_effect(hub, caplog):
    calls = {f"{call.method} {call.path}": call for call in CALLS}
    for name, bodies in NO_SENSE.items():
        for body in bodies:  # type: ignore[attr-defined]
            await refused(hub, calls[name], json.dumps(body).encode())
    assert max((len(record.getMessage()) for record in caplog.records), default=0) < 1000


@pytest.mark.parametrize("odd", ["%00", "a%00b", "%ff", "%F0%9F%92%A9" * 50, "x" * 20_000, "%2e%2e", "a%2Fb"])
async def test_arbitrary_names_in_paths(hub, odd, caplog):
    for call in CALLS:
        if "{" not in call.path or call.path == "/shutdown":
            continue
        path = f"/hub/api{call.path.format(**dict.fromkeys(PARTS, odd))}"
        answer = await hub.root.ask(call.method, path, body=b"{}")
        known = {*call.error_statuses, *call.success, 404}
        assert answer.code in known, (call.method, call.path, answer.code, answer.body)
        assert answer.code < 400 or 5 < len(json.loads(answer.body)["message"]) < 600
    assert max((len(record.getMessage()) for record in caplog.records), default=0) < 1000


@pytest.mark.parametrize(
    "odd", ["%00", "%ff", "-1", "1e9", str(10**30), "9" * 5000, "x" * 20_000, "%F0%9F%92%A9"]
)
async def test_arbitrary_query_arguments(hub, odd):
    for call in (call for call in CALLS if call.query):
        for argument in call.query:
            query = f"{argument}={odd}" + ("&once=1" if call.path == "/events" else "")  # else it never ends
            answer = await hub.root.ask(call.method, f"{path_of(call)}?{query}", body=None)
            assert answer.code in {*call.success, *call.error_statuses}, (
                call.path,
                argument,
                answer.code,
                answer.body,
            )


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
))  # fmt: skip
def test_every_accepted_body_can_be_stored_and_returned(model):
    try:
        read = read_json(json.dumps({"a": model}).encode())
    except InvalidError:
        return
    stored = json.dumps(read, ensure_ascii=False, allow_nan=False).encode()
    assert json.loads(stored) == read == {"a": model}


def test_escaped_backslash_before_u0000_is_plain_text():
    assert read_json(b'{"a": "\\\\u0000"}') == {"a": "\\u0000"}


async def test_connection_survives_too_long_body(hub):
    body = b'{"usernames": ["' + b"x" * (MAX_BODY + 1) + b'"]}'
    for _ in range(3):
        answer = await hub.root.ask("POST", "/hub/api/users", body=body)
        assert (answer.code, "longer than" in json.loads(answer.body)["message"]) == (413, True)
        assert (await hub.root.get("/hub/api/users/bob")).code == 200
