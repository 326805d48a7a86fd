"""Limits for stored JSON, and lists with invalid rows."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import text

from plughub.domain import limits
from plughub.domain.clock import utcnow
from plughub.domain.oauth import OAuthCode, server_client_id
from plughub.domain.plain_json import MAX_JSON
from plughub.web.api import plain_models

SERVER = "/hub/api/users/alice/server"
LAB = "/hub/api/users/alice/servers/lab"
LONG = {"a": "x" * MAX_JSON}
PACKED = '{"__jupyterhub_bytes__": true, "data": "eA=="}'
"""Bytes, as JupyterHub stores them."""
BAD_ROWS = {
    "a file of an older hub": f'{{"key_file": [{{"body": {PACKED}}}]}}',
    "bytes alone": PACKED,
    "bytes that are none": '{"a": {"__jupyterhub_bytes__": true, "data": 5}}',
    "no finite number": '{"a": NaN}',
    "no object": "[1]",
    "no JSON": "{",
    "too deep": '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    "too long": json.dumps({"a": "x" * 1_000_000}),
}


def model(answer):
    return json.loads(answer.body)


@pytest.fixture
async def hub(make_hub):
    return await make_hub(allow_named_servers=True)


WAYS = {
    "start": ("POST", SERVER, {"user_options": LONG}),
    "start in the older form": ("POST", SERVER, LONG),
    "start of a new named server": ("POST", LAB + "2", {"user_options": LONG}),
    "make": ("PUT", LAB + "2", {"user_options": LONG}),
    "change": ("PATCH", LAB, {"user_options": LONG}),
    "properties of a group": ("PUT", "/hub/api/groups/class/properties", LONG),
    "info of a service": ("POST", "/hub/api/services/who", {"info": LONG}),
}


@pytest.mark.parametrize("way", WAYS)
async def test_too_long_values_are_refused_everywhere(hub, way):
    method, path, body = WAYS[way]
    admin = await hub.admin()
    await hub.user()
    assert (await admin.ask("PUT", LAB)).code == 201
    await hub.store.write(lambda tx: tx.groups.create(["class"]))
    answer = await admin.ask(method, path, model=body)
    assert (answer.code, "64 KiB" in model(answer)["message"]) == (413, True)
    assert not hub.tiny.started
    alice = model(await admin.get("/hub/api/users/alice?include_stopped_servers"))
    assert {name: server["user_options"] for name, server in alice["servers"].items()} == {"": {}, "lab": {}}
    assert model(await admin.get("/hub/api/groups/class"))["properties"] == {}


async def test_too_long_form_is_shown_again_with_reason(hub):
    hub.tiny.form = '<input name="a">'
    browser = await hub.logged_in()
    answer = await browser.post("/hub/spawn", form={**LONG, "_xsrf": browser.xsrf})
    assert (answer.code, b"64 KiB" in answer.body, b"spawn_form" in answer.body) == (413, True, True)
    assert not hub.tiny.started


def upload(xsrf, content=b"abc"):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="key"; filename="k"\r\n\r\n' + content + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="_xsrf"\r\n\r\n' + xsrf.encode() + b"\r\n--x--\r\n"
    )
    return {"body": body, "headers": {"Content-Type": "multipart/form-data; boundary=x"}}


async def test_file_without_form_is_refused(hub):
    browser = await hub.logged_in()
    answer = await browser.post("/hub/spawn", **upload(browser.xsrf))
    assert (answer.code, b"this server accepts no files" in answer.body) == (400, True)
    assert not hub.tiny.started
    assert (await (await hub.admin()).get("/hub/api/users")).code == 200


async def test_file_left_in_options_is_refused(hub):
    hub.tiny.form = '<input type="file" name="key">'
    browser = await hub.logged_in()
    answer = await browser.post("/hub/spawn", **upload(browser.xsrf))
    assert (answer.code, b"contain a file" in answer.body, b"spawn_form" in answer.body) == (400, True, True)
    assert not hub.tiny.started


@pytest.mark.parametrize(
    "store", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)], ids=str
)
@pytest.mark.parametrize("kind", BAD_ROWS)
async def test_invalid_row_never_breaks_list(make_hub, request, caplog, store, kind):
    more = {} if store == "sqlite" else {"url": request.getfixturevalue("postgresql").new_database()}
    hub = await make_hub(**more)
    plain_models._reported.clear()  # each is logged once
    admin = await hub.admin()
    await hub.running("alice")
    await hub.running("bob")
    await hub.store.write(lambda tx: tx.groups.create(["class"]))

    def spoil(connection):
        mine = "(SELECT id FROM users WHERE name = 'alice')"
        for table, columns, which in (
            ("spawners", ("user_options", "state"), f"user_id = {mine}"),
            ("users", ("user_info",), "name = 'alice'"),
            ("groups", ("properties",), "name = 'class'"),
        ):
            for column in columns:
                connection.execute(
                    text(f"UPDATE {table} SET {column} = :bad WHERE {which}"), {"bad": BAD_ROWS[kind]}
                )

    await hub.store.database.write(spoil)
    for path in ("/hub/api/users", "/hub/api/users?state=active", "/hub/api/groups"):
        answer = await admin.get(path)
        assert (answer.code, len(answer.body) < MAX_JSON) == (200, True), path
        json.loads(answer.body, parse_constant=pytest.fail)
    users = {user["name"]: user for user in model(await admin.get("/hub/api/users"))}
    server = users["alice"]["servers"][""]
    shown = {"a": None} if kind == "bytes that are none" else {}
    assert server["user_options"] == server["state"] == shown
    assert users["alice"]["user_info"] == (shown or None)
    assert users["bob"]["servers"][""]["state"] == {"operation": hub.tiny.started[1].operation}
    assert bool(shown) or "leaving out stored data" in caplog.text or "in the database" in caplog.text


async def test_server_of_older_hub_starts_with_stored_bytes(hub):
    program = await hub.program()
    kept = BAD_ROWS["a file of an older hub"]
    assert (await program.get(SERVER)).code == 200

    def spoil(connection):
        connection.execute(text("UPDATE spawners SET user_options = :kept"), {"kept": kept})

    await hub.store.database.write(spoil)
    assert (await program.post(SERVER)).code == 201
    assert hub.tiny.started[0].options == {"key_file": [{"body": b"x"}]}
    assert model(await program.get(SERVER))["user_options"] == {}


async def test_existing_servers_beyond_limit_stay_usable(make_hub):
    hub = await make_hub(allow_named_servers=True, named_server_limit_per_user=2)
    program = await hub.program()
    alice = await hub.user()
    for name in ("one", "two", "three"):
        await hub.store.write(lambda tx, name=name: tx.servers.create(alice.id, name))
    assert (await program.post("/hub/api/users/alice/servers/three")).code == 201
    assert (await program.ask("PATCH", "/hub/api/users/alice/servers/one", model={"name": "uno"})).code == 200
    assert (await program.ask("PUT", "/hub/api/users/alice/servers/four")).code == 400


async def test_api_tokens_are_limited_without_expired_ones(hub):
    hub.tokens._limit = 3
    program = await hub.program()
    path = "/hub/api/users/alice/tokens"
    assert (await program.post(path)).code == 201
    assert (await program.post(path, model={"expires_in": 1})).code == 201
    answer = await program.post(path)
    assert (answer.code, "maximum of 3" in model(answer)["message"]) == (400, True)
    await hub.running("alice")  # starts are not affected
    await hub.store.database.write(
        lambda connection: connection.execute(
            text("UPDATE api_tokens SET expires_at = :past WHERE expires_at IS NOT NULL"),
            {"past": str((utcnow() - timedelta(seconds=5)).replace(tzinfo=None))},
        )
    )
    assert (await program.post(path)).code == 400
    hub.tokens._limit = 4
    assert (await program.post(path)).code == 201


async def test_share_codes_per_server_are_limited(hub, monkeypatch):
    monkeypatch.setattr("plughub.services.sharing.codes.MAX_SHARE_CODES", 2)
    admin = await hub.admin()
    await hub.running("alice")
    path = "/hub/api/share-codes/alice/"
    for _ in range(2):
        assert (await admin.post(path)).code == 200
    assert (await admin.post(path)).code == 400
    assert (await admin.delete(path)).code == 204
    assert (await admin.post(path)).code == 200


async def test_oauth_codes_and_tokens_per_user_are_bounded(hub):
    await hub.running()
    alice, client = await hub.user(), server_client_id("alice", "")
    browser = await hub.logged_in()
    query = f"client_id={client}&response_type=code&redirect_uri=/user/alice/oauth_callback"

    def fill(tx):
        for number in range(limits.MAX_OAUTH_CODES - 1):
            tx.oauth.save_code(
                OAuthCode(
                    code=f"c{number}", client_id=client, user_id=alice.id, redirect_uri="/", session_id="",
                    scopes=frozenset(), expires_at=2**31, challenge="", challenge_method="",
                )
            )  # fmt: skip

    await hub.store.write(fill)
    assert (await browser.get(f"/hub/api/oauth2/authorize?{query}")).code == 302
    assert (await browser.get(f"/hub/api/oauth2/authorize?{query}")).code == 400
