from __future__ import annotations

import json
import re
import resource
from pathlib import Path

import pytest

from plughub import hookimpl
from plughub.domain.declarations import Declarations
from plughub.domain.findings import Finding, Severity, by_urgency, unpack_finding, with_beginnings
from plughub.domain.machine_state import Disk, MachineState, unpack_machine
from plughub.domain.servers import OperationKind
from plughub.domain.service_specs import read_services
from plughub.domain.usage import Outcome, RunStart
from plughub.kinds import Diagnosis
from plughub.services.insight.hook_failures import HookFailures
from plughub.services.insight.machine import machine_findings, process_findings, read_machine
from plughub.services.insight.monitor import OF_PROCESS
from plughub.services.observability.metrics import Metrics
from plughub.services.users.configuration_sync import sync_configuration
from plughub.testing.doubles import TinyServers

ROOT = Path(__file__).parents[3]
GIB = 1024**3


class BrokenServers(TinyServers):
    """A spawner whose engine does not run."""

    @hookimpl
    def hub_check_spawner(self):
        return Diagnosis("No server can start now.", detail="/run/docker.sock does not exist")


def full(host: str, free: int) -> MachineState:
    disks = (Disk(path="/home", total=100 * GIB, free=free),)
    return MachineState(
        host=host, at=1.0, cpus=2, load=0.5, memory=8 * GIB, memory_free=GIB // 10, disks=disks
    )


async def findings_of(hub, code: str = "") -> list[dict]:
    answer = await (await hub.admin()).get("/hub/api/findings")
    assert answer.code == 200, answer.body
    return [one for one in json.loads(answer.body)["findings"] if not code or one["code"] == code]


async def test_a_healthy_hub_has_no_findings_and_reports_its_machine(hub):
    await hub.hub_registry.join()
    await hub.admin()
    await hub.monitor.run_once()
    answer = json.loads((await (await hub.admin()).get("/hub/api/findings")).body)
    assert [one for one in answer["findings"] if one["code"] not in {"H030", "H031"}] == []
    (machine,) = answer["machines"]
    assert machine["host"] == "test-host"
    assert machine["cpus"] >= 1
    assert 0 < machine["memory_free"] <= machine["memory"]
    assert (await (await hub.program("alice")).get("/hub/api/findings")).code == 403


async def test_a_hub_without_processes_is_the_first_finding(hub):
    assert (await findings_of(hub))[0]["code"] == "H001"


async def test_servers_that_cannot_be_asked_or_reached_are_findings_with_their_reason(hub):
    await hub.running()
    server = await hub.servers.get("alice", "")
    await hub.store.write(lambda tx: tx.servers.set_unknown(server, "the engine does not answer"))
    await hub.store.write(lambda tx: tx.servers.set_unreachable(server, "it has no address"))
    (unknown,) = await findings_of(hub, "H010")
    assert (unknown["subject"], unknown["severity"]) == ("tiny", "error")
    assert "1 server of tiny still runs: the engine does not answer" in unknown["message"]
    assert unknown["action"]
    assert "it has no address" in (await findings_of(hub, "H011"))[0]["message"]


async def test_an_operation_that_is_retried_is_a_finding_since_it_began(hub):
    await hub.user()
    server = await hub.servers.get("alice", "")

    def stuck(tx):
        operation = tx.operations.begin(server, OperationKind.STOP, backend="tiny")
        tx.operations.claim_one(operation.id, "test-hub", 10)
        tx.operations.postpone(operation.id, "test-hub", "the engine does not answer", 99)

    await hub.store.write(stuck)
    (found,) = await findings_of(hub, "H012")
    assert "1 start or stop of tiny" in found["message"]
    assert found["since"] is not None


async def test_a_process_without_heartbeats_is_a_finding_while_others_run(hub):
    await hub.hub_registry.join()
    await hub.store.write(
        lambda tx: tx.hub_processes.join("gone", host="elsewhere", pid=77, birth=1.0, url="")
    )
    assert await findings_of(hub, "H002") == []
    await hub.store.database.write(
        lambda c: c.exec_driver_sql("UPDATE plughub_hubs SET seen = 5.0 WHERE id = 'gone'")
    )
    (found,) = await findings_of(hub, "H002")
    assert (found["subject"], found["severity"]) == ("elsewhere, process 77", "warning")
    assert found["since"].startswith("1970-01-01")


async def test_starts_that_wait_for_long_are_a_finding_since_the_oldest(hub):
    await hub.user()
    server = await hub.servers.get("alice", "")
    await hub.store.write(lambda tx: tx.operations.begin(server, OperationKind.START, backend="tiny"))
    assert await findings_of(hub, "H015") == []
    await hub.store.database.write(
        lambda c: c.exec_driver_sql("UPDATE plughub_operations SET created = created - 61")
    )
    (found,) = await findings_of(hub, "H015")
    assert found["message"].startswith("1 start has been queued for 61 s")
    assert "concurrent_spawn_limit" in found["action"]


async def test_a_service_that_does_not_run_or_answer_is_a_finding(hub):
    declared = Declarations(
        services=read_services(
            [{"name": "wiki", "url": "http://127.0.0.1:9"}, {"name": "cull", "command": ["true"]}]
        )
    )
    await hub.store.write(lambda tx: sync_configuration(tx, declared))
    await hub.store.write(lambda tx: tx.service_lives.record_answer("wiki", "", is_healthy=True))
    assert [found["subject"] for found in await findings_of(hub, "H020")] == ["cull"]
    await hub.store.write(lambda tx: tx.service_lives.record_answer("wiki", "", is_healthy=False))
    found = {one["subject"]: one for one in await findings_of(hub, "H020")}
    assert {name: one["severity"] for name, one in found.items()} == {"wiki": "error", "cull": "warning"}
    assert "does not answer" in found["wiki"]["message"]
    assert "is not running" in found["cull"]["message"]
    browser = await hub.logged_in("root")
    page = (await browser.get("/hub/admin/health", headers={"Accept-Language": "de"})).body.decode()
    assert "Der Dienst wiki antwortet nicht unter seiner Adresse" in page
    assert "Starten Sie den Dienst, oder berichtigen Sie seine url" in page


def test_a_process_that_runs_out_of_files_is_a_finding(monkeypatch):
    assert list(process_findings("here")) == []
    used = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (used, used))
    (found,) = process_findings("here")
    assert (found.code, found.severity) == ("H032", Severity.ERROR)
    assert f"files and connections open of {used}" in found.message


async def test_a_backend_whose_starts_fail_is_a_finding(hub):
    def fail(tx, key: int, outcome: Outcome, *, ready: bool):
        tx.runs.begin(RunStart(server_id=key, user_id=key, user=f"u{key}", server="", backend="tiny"))
        if ready:
            tx.runs.mark_ready(key)
        tx.runs.end(key, outcome)

    for key in range(4):
        await hub.store.write(lambda tx, key=key: fail(tx, key, Outcome.DIED, ready=False))
    assert await findings_of(hub, "H014") == []
    await hub.store.write(lambda tx: fail(tx, 9, Outcome.STOPPED, ready=True))
    (found,) = await findings_of(hub, "H014")
    assert found["message"].startswith("4 of 5 starts of tiny failed")


async def test_a_spawner_that_cannot_start_servers_is_a_finding(make_hub):
    hub = await make_hub(spawners={"broken": BrokenServers()})
    await hub.admin()
    await hub.hub_registry.join()
    await hub.monitor.run_once()
    (found,) = await findings_of(hub, "H040")
    assert found["subject"] == "broken on test-host"
    topics = [topic for _, topic, _ in await hub.store.read(lambda tx: tx.changes.since(0))]
    await hub.monitor.run_once()
    again = [topic for _, topic, _ in await hub.store.read(lambda tx: tx.changes.since(0))]
    assert ("finding" in topics, again) == (True, topics)
    assert found["message"].startswith(
        "plugin broken cannot start servers on test-host: No server can start now"
    )
    assert "/run/docker.sock does not exist" in found["message"]
    assert "problems of the hub" in (await (await hub.logged_in("root")).get("/hub/admin")).body.decode()


async def test_findings_of_another_process_are_reported_while_it_lives(hub):
    await hub.hub_registry.join()
    found = Finding(
        code="H050", severity=Severity.ERROR, subject="pam", message="calls fail", action="read", since=5.0
    )
    packed = {"machine": full("node7", 50 * GIB).packed(), "findings": [found.packed()]}

    def other(tx):
        tx.hub_processes.join("other", host="node7", pid=1, birth=0.0, url="")
        tx.settings.set(f"{OF_PROCESS}other", packed)
        tx.settings.set(f"{OF_PROCESS}dead", packed)

    await hub.store.write(other)
    assert [one["since"] for one in await findings_of(hub, "H050")] == ["1970-01-01T00:00:05.000000Z"]
    await hub.store.write(lambda tx: tx.hub_processes.leave("other"))
    assert await findings_of(hub, "H050") == []
    await hub.monitor.run_once()
    facts = await hub.store.read(lambda tx: tx.settings.starting_with(OF_PROCESS))
    assert list(facts) == [f"{OF_PROCESS}test-hub"]


async def test_a_finding_keeps_its_beginning_while_it_lasts(hub):
    await hub.hub_registry.join()
    await hub.running()
    server = await hub.servers.get("alice", "")
    await hub.store.write(lambda tx: tx.servers.set_unknown(server, "the engine does not answer"))
    assert [one["since"] for one in await findings_of(hub, "H010")] == [None]
    await hub.monitor.run_once()
    (first,) = await findings_of(hub, "H010")
    await hub.monitor.run_once()
    assert await findings_of(hub, "H010") == [first]
    assert first["since"] is not None
    await hub.store.write(lambda tx: tx.servers.set_unknown(server, ""))
    assert await findings_of(hub, "H010") == []


@pytest.mark.parametrize(
    ("free", "severity"), [(50 * GIB, None), (4 * GIB, Severity.WARNING), (GIB // 4, Severity.ERROR)]
)
def test_a_disk_that_fills_up_and_scarce_memory_are_findings(free, severity):
    found = {one.code: one.severity for one in machine_findings(full("here", free))}
    assert found.get("H030") == severity
    assert found["H031"] is Severity.WARNING


def test_this_machine_is_read_and_stored(tmp_path):
    machine = read_machine("here", [tmp_path, tmp_path, tmp_path / "missing"])
    assert len(machine.disks) == 1
    assert unpack_machine(json.loads(json.dumps(machine.packed()))) == machine


def test_a_hook_that_fails_often_is_a_finding_until_it_works_again(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("plughub.services.insight.hook_failures.time.monotonic", lambda: now[0])
    metrics = Metrics()
    failures = HookFailures(metrics)
    assert list(failures.findings("here")) == []
    for _ in range(3):
        metrics.observe_hook("pam", "hub_authenticate", 0.1, "failed")
    (found,) = failures.findings("here")
    assert (found.code, found.subject) == ("H050", "pam: hub_authenticate on here")
    for _ in range(2):
        now[0] += 601
        late = list(failures.findings("here"))
    assert late == []


def test_every_finding_is_documented():
    source = ROOT / "core/src/plughub"
    used = {code for file in source.rglob("*.py") for code in re.findall(r'code="(H\d+)"', file.read_text())}
    page = (ROOT / "docs/administration/health.md").read_text()
    documented = set(re.findall(r"^\| `(H\d+)`", page, re.MULTILINE))
    assert used == documented


def test_findings_are_stored_and_sorted():
    old = Finding(code="H010", severity=Severity.WARNING, message="m", action="a", since=1.0)
    new = Finding(code="H020", severity=Severity.ERROR, message="m", action="a")
    assert unpack_finding(json.loads(json.dumps(old.packed()))) == old
    found = with_beginnings([new, old], [], 7.0)
    assert [(one.code, one.since) for one in by_urgency([*found, *found])] == [("H020", 7.0), ("H010", 1.0)]
    assert with_beginnings([new], found, 9.0)[0].since == 7.0
