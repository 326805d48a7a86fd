"""Announced stops: the scope that they need, and how long they hold."""

from __future__ import annotations

import json
from datetime import timedelta

from plughub.domain.clock import isoformat, utcnow


async def test_an_announced_stop_is_checked_and_ends_with_the_server(make_hub):
    hub = await make_hub()
    url = "/hub/api/users/alice/server/announced-stop"
    await hub.user("alice")
    culler, alice = await hub.admin(), await hub.program("alice", "read:servers!user")
    later = isoformat(utcnow() + timedelta(hours=1))
    assert (await culler.ask("PUT", url, model={"at": later})).code == 400, "it does not run"
    await hub.running("alice")
    for wrong in ({}, {"at": "soon"}, {"at": "2020-01-01T00:00:00Z"}, {"at": later, "reason": "x" * 201}):
        assert (await culler.ask("PUT", url, model=wrong)).code == 400, wrong
    assert (await alice.ask("PUT", url, model={"at": later})).code == 403
    assert (await culler.ask("PUT", url, model={"at": later, "reason": "idle"})).code == 204
    model = json.loads((await alice.get(url)).body)
    assert (model["at"][:19], model["reason"], model["ends_at"]) == (later[:19], "idle", None)
    await hub.servers.wait(await hub.servers.stop(await hub.servers.get("alice", "")), 20)
    assert json.loads((await alice.get(url)).body)["at"] is None
    await hub.running("alice")
    assert json.loads((await alice.get(url)).body)["at"] is None
