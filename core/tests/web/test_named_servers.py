"""Stopped servers in the API."""

from __future__ import annotations

import json

import pytest

LAB = "/hub/api/users/alice/servers/lab"
DEFAULT = "/hub/api/users/alice/server"


def model(answer):
    return json.loads(answer.body)


@pytest.fixture
async def hub(make_hub):
    return await make_hub(allow_named_servers=True, named_server_limit_per_user=2)


async def test_server_is_created_without_start(hub):
    program = await hub.program()
    answer = await program.ask(
        "PUT", LAB, model={"display_name": "  My \u006e\u0303   lab ", "user_options": {"size": 2}}
    )
    assert answer.code == 201
    made = model(answer)
    assert (made["name"], made["display_name"], made["user_options"]) == ("lab", "My ñ lab", {"size": 2})
    assert (made["stopped"], made["ready"], made["pending"]) == (True, False, None)
    assert model(await program.get(LAB)) == made
    assert not hub.tiny.started
    assert (await program.ask("PUT", LAB)).code == 409
    assert (await program.ask("PUT", DEFAULT)).code == 409
    assert (await program.post(LAB)).code == 201
    assert hub.tiny.started[0].options == {"size": 2}


async def test_server_limit_is_enforced(hub):
    program = await hub.program()
    assert (await program.ask("PUT", LAB)).code == 201
    assert (await program.ask("PUT", f"{LAB}2")).code == 201
    answer = await program.ask("PUT", f"{LAB}3")
    assert (answer.code, "maximum of 2" in model(answer)["message"]) == (400, True)


async def test_named_server_is_refused_where_disabled(make_hub):
    hub = await make_hub()
    assert (await (await hub.program()).ask("PUT", LAB)).code == 400


async def test_stopped_server_can_be_changed(hub):
    program = await hub.program()
    await program.ask("PUT", LAB)
    answer = await program.ask(
        "PATCH", LAB, model={"name": "paper", "display_name": "The paper", "user_options": {"a": 1}}
    )
    changed = model(answer)
    assert answer.code == 200
    assert (changed["name"], changed["full_name"]) == ("paper", "alice/paper")
    assert (changed["display_name"], changed["user_options"]) == ("The paper", {"a": 1})
    assert (await program.get(LAB)).code == 404
    assert (await program.ask("PATCH", f"{LAB}/", model={})).code == 404
    for nothing in ({}, None, []):
        assert (await program.ask("PATCH", DEFAULT, model=nothing)).code == 400
    assert (
        model(await program.ask("PATCH", DEFAULT, model={"display_name": "Main"}))["display_name"] == "Main"
    )


async def test_running_server_cannot_be_changed(hub):
    await hub.running("alice", "lab")
    program = await hub.program()
    answer = await program.ask("PATCH", LAB, model={"display_name": "x"})
    assert (answer.code, "stop it first" in model(answer)["message"]) == (400, True)


async def test_rename_to_taken_name_is_refused(hub):
    program = await hub.program()
    await program.ask("PUT", LAB)
    await program.ask("PUT", f"{LAB}2")
    assert (await program.ask("PATCH", LAB, model={"name": "lab2"})).code == 409


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    "body",
    [
        {"color": "red"},
        {"display_name": 1},
        {"display_name": "x" * 256},
        {"display_name": "a\nb"},
        {"user_options": []},
        {"name": 7},
    ],
)
async def test_invalid_requests_are_refused(hub, method, body):
    program = await hub.program()
    path = LAB
    if method == "PATCH":
        await program.ask("PUT", LAB)
    answer = await program.ask(method, path, model=body)
    assert (answer.code, bool(model(answer)["message"])) == (400, True)


@pytest.mark.parametrize("name", ["", "Lab", "a--b", "9", "x" * 31, "a/b"])
async def test_invalid_server_names_are_refused(hub, name):
    program = await hub.program()
    await program.ask("PUT", LAB)
    answer = await program.ask("PATCH", LAB, model={"name": name})
    assert (answer.code, bool(model(answer)["message"])) == (400, True)
    assert (await program.ask("PATCH", DEFAULT, model={"name": "main"})).code == 400


async def test_scope_for_one_server_does_not_allow_rename(hub):
    await (await hub.program()).ask("PUT", LAB)
    limited = await hub.program("alice", "start:servers!server=alice/lab")
    assert (await limited.ask("PATCH", LAB, model={"name": "other"})).code == 404
    assert (await limited.ask("PATCH", LAB, model={"display_name": "x"})).code == 200
    assert (await limited.ask("PUT", f"{LAB}2")).code == 404


async def test_start_with_display_name(hub):
    program = await hub.program()
    answer = await program.post(LAB, model={"display_name": "Lab", "user_options": {"size": 1}})
    assert answer.code == 201
    found = model(await program.get(LAB))
    assert (found["display_name"], found["user_options"]) == ("Lab", {"size": 1})
    for body in ({"display_name": 1}, {"user_options": [], "backend": "tiny"}, {"user_options": {}, "x": 1}):
        assert (await program.post(f"{LAB}2", model=body)).code == 400
