"""Operations of plugins that are active in no hub, and of machines without a hub."""

import pytest
from sqlalchemy import text

from plughub.domain.errors import InvalidError
from plughub.domain.servers import OperationKind, Status
from plughub.services.coordination.hub_registry import HubRegistry
from plughub.services.servers.unrunnable_operations import UnrunnableOperations


async def join(hub):
    await HubRegistry(hub.store, hub.settings, lambda _: None).join()
    return UnrunnableOperations(hub.store, hub.settings, hub.server_watch)


async def begun(hub, name="alice", *, backend="gone", host="", kind=OperationKind.START):
    user = await hub.user(name)

    def work(tx):
        server = tx.servers.get(user.name, "")
        tx.operations.begin(server, kind, backend=backend, host=host)
        return tx.servers.by_id(server.id)

    return await hub.store.write(work)


async def ran(hub, name="alice", *, backend="gone", host=""):
    """Create a server that a plugin of another hub started."""
    user = await hub.user(name)

    def work(tx):
        server = tx.servers.get(user.name, "")
        tx.servers.record_launch(server.id, backend=backend, host=host, launch="a" * 32, client_id=None)
        tx.servers.mark_ready(server.id, user.created)
        return tx.servers.by_id(server.id)

    return await hub.store.write(work)


async def test_a_start_without_its_plugin_in_any_hub_ends_and_names_it(make_hub):
    hub = make_hub(stranded_after=0, concurrent_spawn_limit=1)
    unrunnable = await join(hub)
    asked = await begun(hub)
    await hub.store.write(lambda tx: tx.operations.admit(1))
    await unrunnable.run_once()
    server = await hub.servers.get("alice", "")
    assert (server.status, server.operation) == (Status.STOPPED, None)
    assert "plugin 'gone' is not active in any hub process" in server.failure.detail
    assert asked.operation.id
    assert (await hub.started("bob")).ready


async def test_a_start_bound_to_a_machine_without_a_hub_reports_it(make_hub):
    hub = make_hub(stranded_after=0)
    unrunnable = await join(hub)
    await begun(hub, backend="machine", host="elsewhere")
    await unrunnable.run_once()
    failure = (await hub.servers.get("alice", "")).failure
    assert "'elsewhere'" in failure.detail


async def test_a_start_that_may_have_launched_something_waits_for_its_plugin(make_hub):
    hub = make_hub(stranded_after=0)
    unrunnable = await join(hub)
    await ran(hub)
    server = await begun(hub)
    await hub.store.write(
        lambda tx: tx.servers.record_launch(
            server.id, backend="gone", host="", launch=server.operation.id, client_id=None
        )
    )
    await unrunnable.run_once()
    server = await hub.servers.get("alice", "")
    assert server.failed_start
    assert "plugin 'gone'" in server.failure.detail
    assert "plugin 'gone'" in server.operation.problem
    with pytest.raises(InvalidError, match="plugin 'gone'"):
        await hub.servers.start(await hub.user())


async def test_a_stop_waits_for_its_plugin_with_a_reason(make_hub, caplog):
    hub = make_hub(stranded_after=0)
    unrunnable = await join(hub)
    await hub.servers.stop(await ran(hub))
    await unrunnable.run_once()
    server = await hub.servers.get("alice", "")
    assert server.pending == "stop"
    assert "plugin 'gone'" in server.operation.problem
    assert f"stop of alice/ ({server.operation.reference}) waits: " in caplog.text


async def test_a_running_server_without_its_plugin_is_unchanged_and_of_unknown_state(make_hub):
    hub = make_hub(stranded_after=0)
    unrunnable = await join(hub)
    await ran(hub)
    await unrunnable.run_once()
    server = await hub.servers.get("alice", "")
    assert server.ready
    assert "plugin 'gone'" in server.unknown
    with pytest.raises(InvalidError, match="already running"):
        await hub.servers.start(await hub.user())


async def test_operations_resume_when_a_hub_with_the_plugin_joins(make_hub, machine):
    hub = make_hub(stranded_after=0)
    unrunnable = await join(hub)
    server = await hub.started()
    rename_backend(hub, "machine", "gone")
    await hub.servers.stop(await hub.servers.get("alice", ""))
    await unrunnable.run_once()
    rename_backend(hub, "gone", "machine")
    await join(hub)
    stopped = await hub.servers.wait(server, 10)
    assert stopped.operation.retry_at if stopped.operation else True
    async for stopped in hub.servers.changes(server):
        if stopped.operation is None:
            break
    assert (stopped.status, machine.running) == (Status.STOPPED, {})


def rename_backend(hub, before, after):
    def work(connection):
        for table in ("plughub_servers", "plughub_operations"):
            connection.execute(
                text(f"UPDATE {table} SET backend = :after WHERE backend = :before"),
                {"before": before, "after": after},
            )

    hub.database.run(work)


async def test_nothing_is_ended_early_or_while_a_hub_has_the_plugin(make_hub):
    patient, quick = make_hub(stranded_after=3600), make_hub(stranded_after=0)
    await begun(patient)
    await (await join(patient)).run_once()
    assert (await patient.servers.get("alice", "")).pending == "spawn"
    await patient.store.write(lambda tx: tx.hub_processes.leave(patient.settings.hub_id))
    await quick.store.write(
        lambda tx: tx.hub_processes.join(
            "other", host="o", pid=1, birth=1.0, url="http://o", backends=["gone"]
        )
    )
    await (await join(quick)).run_once()
    assert (await quick.servers.get("alice", "")).pending == "spawn"


async def test_a_process_of_an_older_version_is_trusted_to_have_the_plugin(make_hub):
    hub = make_hub(stranded_after=0)
    unrunnable = await join(hub)
    await hub.store.write(lambda tx: tx.hub_processes.join("old", host="o", pid=1, birth=1.0, url="http://o"))
    await begun(hub)
    await unrunnable.run_once()
    assert (await hub.servers.get("alice", "")).pending == "spawn"


async def test_no_lease_is_acquired_without_unrunnable_operations(make_hub):
    hub = make_hub()
    unrunnable = await join(hub)

    async def holders():
        await unrunnable.run_once()
        return await hub.store.read(lambda tx: tx.leases.holders())

    assert await holders() == {}
    await begun(hub)
    assert await holders() == {"stranded": hub.settings.hub_id}
