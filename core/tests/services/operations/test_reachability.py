"""A route leads to the server for which it was made, or nowhere."""

import asyncio

import pytest

from plughub import hookimpl
from plughub.app.unread_settings import warn_of_trust
from plughub.domain.servers import Status
from plughub.kinds import Moved, SpawnerInfo
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import ActivePlugins
from plughub.plugin.threads import ThreadPools

ROUTE = "/user/alice/"


async def seen(hub, server):
    return await hub.store.read(lambda tx: tx.servers.by_id(server.id))


async def poll(hub):
    hub.poller._due.clear()
    for kept in hub.poller._running_of.values():
        kept.clear()
    await hub.poller.run_once()


async def mend(hub):
    hub.router._expected_routes.clear()
    await hub.router.sync()


@pytest.fixture
async def elsewhere(machine):
    """A second address at which something answers HTTP."""
    listener = await asyncio.start_server(machine._answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    listener.close()


async def test_plugins_get_the_recorded_address(hub, machine):
    server = await hub.started()
    assert machine.seen["poll"].url == server.url
    assert machine.seen["spawn"].url == ""
    await hub.stopped(server)
    assert machine.seen["stop"].url == server.url


async def test_the_route_follows_a_server_that_moves(hub, machine, proxy, elsewhere):
    server = await hub.started()
    machine.moved[server.launch] = Moved(url=elsewhere, state={"launch": server.launch, "port": 2})
    await poll(hub)
    assert ROUTE not in proxy.routes, "the old address may be another server's already"
    await mend(hub)
    moved = await seen(hub, server)
    assert proxy.routes[ROUTE].target == moved.url == elsewhere
    assert moved.state == {"launch": server.launch, "port": 2}
    assert moved.ready


async def test_a_server_without_an_address_loses_its_route_and_keeps_running(hub, machine, proxy):
    server = await hub.started()
    machine.moved[server.launch] = Moved(url="")
    await poll(hub)
    await mend(hub)
    away = await seen(hub, server)
    assert (away.status, away.url, away.ready, away.state) == (Status.RUNNING, "", False, server.state)
    assert ROUTE not in proxy.routes

    machine.moved[server.launch] = Moved(url=server.url)
    await poll(hub)
    await mend(hub)
    assert (await seen(hub, server)).ready
    assert proxy.routes[ROUTE].target == server.url


async def test_another_process_also_updates_the_route(make_hub, machine, proxy, elsewhere):
    one, two = make_hub(), make_hub()
    server = await one.started()
    machine.moved[server.launch] = Moved(url=elsewhere)
    await poll(one)
    await mend(two)
    assert proxy.routes[ROUTE].target == elsewhere


async def test_an_invalid_address_changes_nothing(hub, machine, proxy):
    server = await hub.started()
    machine.moved[server.launch] = Moved(url="somewhere")
    await poll(hub)
    after = await seen(hub, server)
    assert "its answer is not valid" in after.unknown
    assert after.url == proxy.routes[ROUTE].target == server.url


async def test_a_late_answer_does_not_move_a_server_started_since(hub, machine, proxy, elsewhere):
    server = await hub.started()
    gate, asked = asyncio.Event(), asyncio.Event()

    class SlowPoll:
        @hookimpl
        async def hub_poll(self, server):
            asked.set()
            await gate.wait()
            return Moved(url=elsewhere)

    looking = asyncio.create_task(poll(_with_poll(hub, SlowPoll())))
    await asyncio.wait_for(asked.wait(), 20)
    await hub.stopped(server)
    again = await hub.started()
    gate.set()
    await asyncio.wait_for(looking, 20)
    assert (await seen(hub, server)).url == again.url
    assert proxy.routes[ROUTE].target == again.url


def _with_poll(hub, slow):
    """Slow the plugin down for the poller only: the start between two polls polls, too."""
    hooks = type(hub.hooks)(hub.hooks.caller)
    hooks.poll_watched = lambda _plugin, server: slow.hub_poll(server)
    hub.poller._reachability = type(hub.poller._reachability)(hub.store, hooks, hub.settings, hub.router)
    return hub


async def test_another_process_at_the_address_of_a_running_server_gets_no_route(hub, machine, proxy):
    server = await hub.started()
    machine.ours = False
    await poll(hub)
    assert ROUTE not in proxy.routes
    await mend(hub)
    taken = await seen(hub, server)
    assert ROUTE not in proxy.routes
    assert (taken.status, taken.ready) == (Status.RUNNING, False)
    assert server.url in taken.unreachable

    machine.ours = True
    await poll(hub)
    await mend(hub)
    assert (await seen(hub, server)).ready
    assert proxy.routes[ROUTE].target == server.url


async def test_a_failed_verification_changes_nothing_for_a_running_server(hub, machine, proxy):
    server = await hub.started()
    machine.ours = RuntimeError("no rights")
    await poll(hub)
    after = await seen(hub, server)
    assert (after.ready, proxy.routes[ROUTE].target) == (True, server.url)
    assert "no rights" in after.unknown


async def test_a_move_to_an_unverified_address_gets_no_route(hub, machine, proxy, elsewhere):
    server = await hub.started()
    machine.moved[server.launch] = Moved(url=elsewhere)
    machine.ours = RuntimeError("no rights")
    await poll(hub)
    await mend(hub)
    assert ROUTE not in proxy.routes
    assert not (await seen(hub, server)).ready


@pytest.mark.parametrize("verdict", [False, RuntimeError("no rights")], ids=["foreign", "unknown"])
async def test_a_start_is_not_ready_while_something_else_may_answer(make_hub, machine, proxy, verdict):
    hub = make_hub(http_timeout=0.5)
    machine.ours = verdict
    server = await hub.gave_up()
    assert server.status is Status.STOPPED
    assert "process listens at its address http://127.0.0.1:" in server.failure.message
    assert ROUTE not in proxy.routes


async def test_a_start_follows_a_server_that_moves_before_it_answers(hub, machine, proxy, elsewhere):
    launched = asyncio.Event()

    class MovingLaunches(dict):
        def get(self, _launch):
            launched.set()
            return None if machine.seen["poll"].url == elsewhere else Moved(url=elsewhere)

    machine.moved = MovingLaunches()
    server = await hub.started()
    assert launched.is_set()
    assert server.url == proxy.routes[ROUTE].target == elsewhere
    assert server.ready


async def test_a_resumed_start_verifies_the_address_before_it_routes(make_hub, machine, proxy, until):
    first = make_hub(lease=0.5)
    proxy.error = RuntimeError("full")
    asked = await first.servers.start(await first.user())
    await until(lambda: proxy.refused)
    await first.crash()
    proxy.error, machine.ours = None, False
    second = make_hub(http_timeout=0.5, lease=0.2)
    server = await second.servers.wait(asked, 60)
    assert "another process listens" in server.failure.message
    assert ROUTE not in proxy.routes


async def test_a_server_that_cannot_be_stopped_gets_its_route_back_only_after_verification(
    hub, machine, proxy
):
    server = await hub.started()
    machine.stop_error, machine.ours = RuntimeError("busy"), False
    after = await hub.stopped(server)
    await mend(hub)
    assert (after.status, after.ready) == (Status.RUNNING, False)
    assert ROUTE not in proxy.routes


async def test_startup_restores_no_route_to_another_process(make_hub, machine, proxy):
    first = make_hub()
    server = await first.started()
    await first.crash()
    proxy.routes.clear()
    machine.ours = False

    second = make_hub(host="here")
    await _leave(second, first)
    await second.poller.adopt(5)
    await second.route_reconciler.start()

    assert ROUTE not in proxy.routes
    assert not (await seen(second, server)).ready


async def test_startup_restores_no_route_to_a_server_that_has_ended(make_hub, machine, proxy):
    first = make_hub()
    server = await first.started()
    await first.crash()
    await machine.kill(server.launch)

    second = make_hub()
    await _leave(second, first)
    await second.poller.adopt(5)
    await second.route_reconciler.start()
    assert ROUTE not in proxy.routes
    assert (await seen(second, server)).status is Status.RUNNING, "the first regular look tidies up"
    await poll(second)
    assert (await second.servers.wait(await seen(second, server), 20)).status is Status.STOPPED


async def test_a_plugin_that_hangs_does_not_block_startup(make_hub, machine):
    hub = make_hub()
    server = await hub.started()
    machine.poll_gate = asyncio.Event()
    for seconds in (0, 0.2):
        await asyncio.wait_for(hub.poller.adopt(seconds), 20)
        assert (await seen(hub, server)).ready


async def test_a_startup_without_a_limit_waits_for_the_first_check(make_hub, machine):
    hub = make_hub()
    await hub.started()
    machine.poll_gate = asyncio.Event()
    waiting = asyncio.create_task(hub.poller.adopt(None))
    done, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not done
    machine.poll_gate.set()
    await asyncio.wait_for(waiting, 20)


async def _leave(hub, dead):
    await hub.store.write(lambda tx: tx.hub_processes.leave(dead.settings.hub_id))


@pytest.mark.parametrize("verifies", [True, False])
def test_a_spawner_without_verification_on_a_shared_machine_is_logged_once(verifies, caplog):
    class SharedAddressSpawner:
        @hookimpl
        async def hub_spawn(self, server): ...

        @hookimpl
        async def hub_poll(self, server): ...

        @hookimpl
        async def hub_stop(self, server): ...

    class VerifyingSpawner(SharedAddressSpawner):
        @hookimpl
        async def hub_verify_address(self, server): ...

    plugins = ActivePlugins()
    plugins.add("mine", VerifyingSpawner() if verifies else SharedAddressSpawner())
    hooks = Hooks(HookCaller(plugins, ThreadPools()))
    warn_of_trust({"mine": SpawnerInfo(host_bound=True), "away": SpawnerInfo()}, hooks)
    assert [record.message.split()[1] for record in caplog.records] == ([] if verifies else ["mine"])
