from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from plughub import hookimpl
from plughub.domain.usage import Outcome, RunStart, UsageQuery
from plughub.testing.doubles import TinyServers


class SizedServers(TinyServers):
    """Servers with limits of CPU and memory."""

    @hookimpl
    async def hub_spawn(self, server):
        return replace(await super().hub_spawn(server), cpus=2.0, memory=4 * 2**30)


async def runs_of(hub, client, query=""):
    answer = await client.get(f"/hub/api/usage/runs{query}")
    assert answer.code == 200, answer.body
    return json.loads(answer.body)


async def stop(hub, name="alice"):
    server = await hub.services.servers.get(name, "")
    await hub.services.servers.wait(await hub.services.servers.stop(server), 10)


async def test_start_and_stop_of_a_server_are_a_run_with_its_resources(make_hub):
    hub = await make_hub(spawners={"sized": SizedServers()})
    user = await hub.user()
    await hub.store.write(lambda tx: tx.users.set_groups(user.id, ["class"]))
    user = await hub.store.read(lambda tx: tx.users.get("alice"))
    await hub.services.servers.wait(await hub.services.servers.start(user, backend="sized"), 10)
    admin = await hub.admin()
    (run,) = await runs_of(hub, admin)
    assert (run["user"], run["groups"], run["backend"], run["ended"]) == ("alice", ["class"], "sized", None)
    assert (run["cpus"], run["memory"], run["outcome"]) == (2.0, 4 * 2**30, None)
    await stop(hub)
    (run,) = await runs_of(hub, admin)
    assert run["outcome"] == "stopped"
    assert run["requested"] <= run["started"] <= run["ended"]
    usage = json.loads((await admin.get("/hub/api/usage?by=group")).body)
    assert [found["group"] for found in usage["sums"]] == ["class"]
    assert usage["total"]["runs"] == 1


async def test_a_failed_start_is_a_run_without_hours(hub):
    hub.tiny.failure = "no room left"
    admin = await hub.admin()
    await hub.services.servers.wait(await hub.services.servers.start(await hub.user()), 10)
    (run,) = await runs_of(hub, admin)
    assert (run["outcome"], run["started"], run["hours"]) == ("failed", None, None)
    assert json.loads((await admin.get("/hub/api/usage")).body)["sums"] == []


async def test_nothing_is_recorded_without_usage_days(make_hub):
    hub = await make_hub(usage_days=0)
    await hub.running()
    assert (await (await hub.admin()).get("/hub/api/usage")).code == 404
    everything = UsageQuery(since=0, until=2**40)
    assert await hub.store.read(lambda tx: tx.runs.count(everything)) == 0


def stored_run(tx, user, server="lab"):
    start = RunStart(server_id=user.id, user_id=user.id, user=user.name, server=server, groups=user.groups)
    tx.runs.begin(start)
    tx.runs.mark_ready(user.id)
    tx.runs.end(user.id, Outcome.STOPPED)


async def test_a_group_admin_reads_the_usage_of_the_group_only(hub):
    for name, group in (("alice", "class"), ("bob", "staff")):
        user = await hub.user(name)
        await hub.store.write(lambda tx, user=user, group=group: tx.users.set_groups(user.id, [group]))
        user = await hub.store.read(lambda tx, name=name: tx.users.get(name))
        await hub.store.write(lambda tx, user=user: stored_run(tx, user))
    teacher = await hub.holder("eve", "read:usage!group=class")
    assert [run["user"] for run in await runs_of(hub, teacher)] == ["alice"]
    sums = json.loads((await teacher.get("/hub/api/usage?by=user")).body)["sums"]
    assert [found["user"] for found in sums] == ["alice"]
    rows = (await teacher.get("/hub/api/usage/runs?format=csv")).body.decode()
    assert "alice" in rows
    assert "bob" not in rows
    assert (await (await hub.program("bob")).get("/hub/api/usage")).code == 403


async def test_csv_is_a_file_that_a_spreadsheet_does_not_execute(hub):
    user, admin = await hub.user(), await hub.admin()
    await hub.store.write(lambda tx: stored_run(tx, user, server="=1+1"))
    answer = await admin.get("/hub/api/usage/runs?format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="runs-')
    (row,) = csv.DictReader(io.StringIO(answer.body.decode()))
    assert (row["user"], row["server"], row["outcome"]) == ("alice", "'=1+1", "stopped")
    (row,) = csv.DictReader(io.StringIO((await admin.get("/hub/api/usage?format=csv")).body.decode()))
    assert (row["user"], row["runs"]) == ("alice", "1")


async def test_an_export_reads_all_runs(hub, monkeypatch):
    monkeypatch.setattr("plughub.services.insight.usage_reports.AT_ONCE", 2)
    user, admin = await hub.user(), await hub.admin()
    for number in range(5):
        await hub.store.write(lambda tx, number=number: stored_run(tx, user, server=f"s{number}"))
    text = (await admin.get("/hub/api/usage/runs?format=csv")).body.decode()
    assert [row["server"] for row in csv.DictReader(io.StringIO(text))] == ["s4", "s3", "s2", "s1", "s0"]


@pytest.mark.parametrize("query", ["since=yesterday", "by=weather", "format=xml", "since=2030-01-01"])
async def test_an_invalid_query_is_refused(hub, query):
    answer = await (await hub.admin()).get(f"/hub/api/usage?{query}")
    assert answer.code == 400
