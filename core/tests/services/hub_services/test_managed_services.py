"""Managed services: real processes, on every database, with hubs that die at the worst moment."""

import asyncio
import contextlib
import os
import sys
import uuid

import psutil
import pytest

from plughub.classes.processes.detached import end
from plughub.classes.processes.identity import ProcessIdentity
from plughub.domain.declarations import Declarations
from plughub.domain.errors import ConflictError, NotFoundError
from plughub.domain.service_specs import read_services
from plughub.services.hub_services import managed_services
from plughub.services.hub_services.health_checks import ServiceChecks, service_states
from plughub.services.hub_services.launcher import Launcher
from plughub.services.hub_services.managed_services import ManagedServices
from plughub.services.users.configuration_sync import sync_configuration
from plughub.testing import conditions
from plughub.testing.foreign_processes import foreign_listener
from plughub.testing.ports import free_port

SLEEP = {
    "name": "sleeper",
    "command": [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"],
}
RESTARTED = {"host": "here", "launch": "2" * 32, "digest": "x"}


class ServicesHub:
    """A hub process that manages services."""

    def __init__(self, hub, folder, *specs):
        self.hub = hub
        self.specs = specs
        self.declared = Declarations(services=read_services(specs))
        self.launcher = Launcher(hub.settings, folder, b"key")
        self.managed = ManagedServices(hub.store, hub.settings, self.launcher, self.declared.services)
        self.checks = ServiceChecks(hub.store, hub.settings)

    async def begin(self):
        await self.hub.user()
        await self.hub.store.write(lambda tx: sync_configuration(tx, self.declared))
        await self.look()
        return self

    async def look(self):
        await self.managed.run_once()

    async def lives(self):
        return {life.name: life for life in await self.hub.store.read(lambda tx: tx.service_lives.all())}

    async def pid(self, name="sleeper"):
        return (await self.lives())[name].pid

    async def running(self):
        return {process.pid for process in (await self.launcher.find_processes()).values()}

    def lose_lease(self):
        """Let the lease of a dead process expire."""
        return self.hub.store.write(lambda tx: tx.leases.release(self.hub.settings.hub_id))

    async def states(self):
        found = await self.hub.store.read(service_states)
        return {service.name: state for service, state in found}


@pytest.fixture
def mark():
    return uuid.uuid4().hex


@pytest.fixture
async def seer(make_hub, tmp_path, mark):
    seers = []

    async def make(*specs, **settings):
        seers.append(ServicesHub(make_hub(mark=mark, **settings), tmp_path, *specs))
        return await seers[-1].begin()

    yield make
    for process in (await seers[0].launcher.find_processes()).values() if seers else ():
        end(process, timeout=0)


async def test_a_service_runs_once_for_all_processes(seer):
    one, other = await seer(SLEEP), await seer(SLEEP)
    for looker in (one, other, one):
        await looker.look()
    assert await one.running() == {await one.pid()}
    assert await one.states() == {"sleeper": "running"}


async def test_administrator_restarts_a_service_through_any_process(seer):
    one, other = await seer(SLEEP), await seer(SLEEP)
    before = await one.pid()
    await other.hub.service_admin.restart("sleeper")
    await other.look()
    assert await other.running() == {before}, "another process manages the services"
    await one.look()
    assert await one.running() == {await one.pid()} != {before}
    after = await one.pid()
    await one.look()
    assert await one.pid() == after
    with pytest.raises(NotFoundError):
        await one.hub.service_admin.restart("nothing")


async def test_services_that_the_hub_does_not_run_are_not_restarted(seer):
    one = await seer({"name": "wiki", "url": "http://127.0.0.1:9"})
    with pytest.raises(ConflictError):
        await one.hub.service_admin.restart("wiki")


async def test_services_of_a_killed_hub_are_adopted(seer):
    one, other = await seer(SLEEP), await seer(SLEEP)
    pid = await one.pid()
    await one.lose_lease()
    await other.look()
    assert await other.running() == {pid} == {await other.pid()}
    await one.look()
    assert await one.running() == {pid}


async def test_a_service_started_by_a_hub_that_died_before_storing_it_is_adopted(seer):
    one = await seer()
    other = await seer(SLEEP)
    assert await other.running() == set(), "another process holds the lease"
    (service,) = other.declared.services
    digest = other.launcher.digest(service)
    await one.hub.store.write(
        lambda tx: tx.service_lives.record_launch("sleeper", host="here", launch="1" * 32, digest=digest)
    )
    process = await other.launcher.launch(service, "1" * 32, "a-token-of-it")
    await one.lose_lease()
    await other.look()
    assert await other.running() == {process.pid} == {await other.pid()}


async def test_a_stored_start_that_was_not_executed_is_executed(seer):
    one = await seer()
    other = await seer(SLEEP)
    await one.hub.store.write(
        lambda tx: tx.service_lives.record_launch("sleeper", host="here", launch="1" * 32, digest="x")
    )
    await one.lose_lease()
    await other.look()
    assert await other.running() == {await other.pid()}


async def test_a_lease_lost_during_a_start_leads_to_no_second_process(seer, monkeypatch):
    one, other = await seer(), await seer(SLEEP)
    launch = Launcher.launch

    async def slow(launcher, service, number, token):
        process = await launch(launcher, service, number, token)
        monkeypatch.setattr(Launcher, "launch", launch)
        await one.hub.store.write(lambda tx: tx.service_lives.record_launch("sleeper", **RESTARTED))
        return process

    monkeypatch.setattr(Launcher, "launch", slow)
    await one.lose_lease()
    await other.look()
    assert await other.running() == set()
    await other.look()
    assert await other.running() == {await other.pid()}


async def test_a_lease_lost_before_a_start_prevents_it(seer, caplog):
    one, other = await seer(lease=1), await seer(SLEEP)
    one.managed._declared = other.managed._declared
    write = one.hub.store.write

    async def frozen(work):
        answer = await write(work)
        if "store_launch" in work.__qualname__:
            async with asyncio.timeout(60):
                while not await other.running():
                    await other.look()
        return answer

    one.hub.store.write = frozen
    await one.look()
    assert "another hub process may have taken over service" in caplog.text
    assert "another hub process has started service" not in caplog.text
    assert await other.running() == {await other.pid()}


async def test_a_service_with_changed_settings_is_restarted(seer):
    one = await seer(SLEEP)
    pid = await one.pid()
    await one.lose_lease()
    other = await seer({**SLEEP, "environment": {"LEVEL": "2"}})
    assert await other.running() == {await other.pid()} != {pid}
    await other.lose_lease()
    moved = await seer({**SLEEP, "environment": {"LEVEL": "2"}}, api_url="http://127.0.0.1:1/hub/api")
    environment = psutil.Process(await moved.pid()).environ()
    assert (environment["LEVEL"], environment["JUPYTERHUB_API_URL"]) == ("2", "http://127.0.0.1:1/hub/api")


async def test_a_service_removed_from_the_configuration_is_stopped(seer):
    one = await seer(SLEEP)
    await one.lose_lease()
    other = await seer()
    assert await other.running() == set()
    assert await other.lives() == {}


async def test_an_orphaned_service_is_stopped(seer):
    one = await seer(SLEEP)
    (service,) = one.declared.services
    await one.launcher.launch(service, "7" * 32, "a-token-of-it")
    assert len(await one.running()) == 2
    await one.lose_lease()
    other = await seer(SLEEP)
    assert await other.running() == {await other.pid()}


async def test_services_are_stopped_here_when_a_hub_on_another_machine_takes_over(seer):
    here = await seer(SLEEP)
    pid = await here.pid()
    await here.hub.store.write(
        lambda tx: (
            tx.leases.release(here.hub.settings.hub_id),
            tx.leases.acquire("services", "elsewhere", 30),
            tx.hub_processes.join("elsewhere", host="there", pid=1, birth=0.0, url=""),
        )
    )
    await here.look()
    assert pid not in await here.running()


@pytest.mark.parametrize("alive", [True, False])
async def test_services_stop_with_the_hub_unless_another_process_continues_here(seer, alive):
    one = await seer(SLEEP)
    pid, me = await one.pid(), os.getpid()
    birth = ProcessIdentity.of(me).ticks if alive else 1.0
    await one.hub.store.write(
        lambda tx: tx.hub_processes.join("other", host="here", pid=me, birth=birth, url="")
    )
    await one.managed.stop()
    await one.look()
    assert await one.running() == ({pid} if alive else set())
    assert set(await one.lives()) == ({"sleeper"} if alive else set())


async def test_shutdown_keeps_the_record_of_a_service_that_another_hub_has_started(seer, monkeypatch):
    one = await seer(SLEEP)

    async def slow(*_):
        await one.hub.store.write(lambda tx: tx.service_lives.record_launch("sleeper", **RESTARTED))

    monkeypatch.setattr(Launcher, "stop", slow)
    await one.managed.stop()
    assert [life.launch for life in (await one.lives()).values()] == ["2" * 32]


async def test_a_service_that_dies_at_once_is_restarted_with_growing_delays(seer, monkeypatch, caplog):
    clock = [1000.0]
    monkeypatch.setattr(managed_services, "monotonic", lambda: clock[0])
    one = await seer({"name": "dies", "command": ["sh", "-c", "echo my_password=abcdef; exit 3"]})
    states = []

    async def dead():
        life = (await one.lives())["dies"]

        async def ended():
            return life.pid is None or not ProcessIdentity(life.pid, life.started).is_running()

        await conditions.until(ended)

    for seconds in (0, 5, 0.9, 0.2, 5, 1.8, 0.3):
        clock[0] += seconds
        await dead()
        await one.look()
        states.append((await one.states())["dies"])
    assert states == ["running", "stopped", "stopped", "running", "stopped", "stopped", "running"]
    assert "service dies ended; restarting it in 1 s" in caplog.text
    assert "abcdef" not in caplog.text


async def test_a_requested_restart_does_not_wait_for_the_next_attempt(seer, monkeypatch):
    monkeypatch.setattr(managed_services, "monotonic", lambda: 1000.0)
    one = await seer(
        {"name": "dies", "command": ["sh", "-c", "exit 3"]}, {"name": "lost", "command": ["no-such"]}
    )
    launched = []
    record = Launcher.launch

    async def launch(launcher, service, *how):
        launched.append(service.name)
        return await record(launcher, service, *how)

    monkeypatch.setattr(Launcher, "launch", launch)

    async def nothing_runs():
        return not await one.running()

    async def looked(*restarted):
        await conditions.until(nothing_runs)
        del launched[:]
        for name in restarted:
            await one.hub.service_admin.restart(name)
        await one.look()
        return sorted(launched)

    await looked()
    assert await looked() == [], "both wait for the next attempt"
    assert await looked("dies", "lost") == ["dies", "lost"]
    await looked()
    assert await looked() == [], "a request is executed once"


async def test_a_missing_program_is_logged_and_tried_again(seer, caplog):
    one = await seer({"name": "lost", "command": ["no-such-program"]}, SLEEP)
    assert "service lost cannot be started: there is no program 'no-such-program'" in caplog.text
    assert await one.states() == {"lost": "stopped", "sleeper": "running"}
    assert (await one.lives())["lost"].launch == ""


@pytest.mark.parametrize("odd", [{"environment": {"A=B": "very-secret"}}, {"command": ["true", "a\0b"]}])
async def test_a_service_that_cannot_be_started_does_not_affect_others(seer, caplog, odd):
    hub = await seer({**SLEEP, "name": "odd", **odd}, SLEEP)
    assert await hub.running() == {await hub.pid()}
    assert "service odd cannot be started" in caplog.text
    assert "very-secret" not in caplog.text
    await hub.look()
    assert await hub.running() == {await hub.pid()}


async def test_an_unexpected_error_of_a_service_does_not_affect_others(seer, monkeypatch, caplog):
    launch, end_it = Launcher.launch, Launcher.stop
    failed = asyncio.Event()

    async def odd(launcher, service, *how):
        if service.name == "odd":
            failed.set()
            raise RuntimeError("unforeseen")
        await failed.wait()  # the other one fails while this one is starting
        return await launch(launcher, service, *how)

    monkeypatch.setattr(Launcher, "launch", odd)
    one = await seer({**SLEEP, "name": "odd"}, SLEEP)
    assert await one.running() == {await one.pid()}
    assert "cannot manage service odd" in caplog.text

    async def stuck(launcher, process):
        if process.pid == odd_pid:
            raise RuntimeError("unforeseen")
        await end_it(launcher, process)

    monkeypatch.setattr(Launcher, "launch", launch)
    one.managed._failures.clear()
    await one.look()
    odd_pid = await one.pid("odd")
    monkeypatch.setattr(Launcher, "stop", stuck)
    await one.managed.stop()
    assert await one.running() == {odd_pid}
    assert set(await one.lives()) == {"odd"}
    assert "cannot stop service odd" in caplog.text


async def test_the_environment_is_complete_and_the_arguments_contain_no_secret(seer):
    spec = {**SLEEP, "url": "http://127.0.0.1:9", "oauth_client_allowed_scopes": ["self"]}
    one = await seer(spec, base_url="/base/", public_url="https://h.example/base/")
    process = psutil.Process(await one.pid())
    environment = process.environ()
    token = environment["JUPYTERHUB_API_TOKEN"]
    assert environment["JPY_API_TOKEN"] == token
    assert not any(token in argument for argument in process.cmdline())
    key = await one.hub.store.read(lambda tx: tx.tokens.matching(token[:4], token))
    assert (await one.hub.store.read(lambda tx: tx.tokens.by_id(key))).owner == "sleeper"
    assert {name: value for name, value in environment.items() if name.startswith("JUPYTERHUB_")} == {
        "JUPYTERHUB_API_TOKEN": token,
        "JUPYTERHUB_API_URL": one.hub.settings.api_url,
        "JUPYTERHUB_BASE_URL": "/base/",
        "JUPYTERHUB_CLIENT_ID": "service-sleeper",
        "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED": "0",
        "JUPYTERHUB_HOST": "",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:services", "access:services!service=sleeper"]',
        "JUPYTERHUB_OAUTH_CALLBACK_URL": "/base/services/sleeper/oauth_callback",
        "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES": '["self"]',
        "JUPYTERHUB_OAUTH_SCOPES": '["access:services", "access:services!service=sleeper"]',
        "JUPYTERHUB_PUBLIC_HUB_URL": "https://h.example/base/hub/",
        "JUPYTERHUB_PUBLIC_URL": "https://h.example/base/services/sleeper/",
        "JUPYTERHUB_SERVICE_NAME": "sleeper",
        "JUPYTERHUB_SERVICE_PREFIX": "/base/services/sleeper/",
        "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:9",
    }


async def test_the_log_of_a_service_is_truncated_when_it_has_grown(seer, until):
    one = await seer(SLEEP)
    log = one.launcher.log_of("sleeper")
    await until(lambda: log.exists() and "up" in log.read_text())
    assert log.stat().st_mode & 0o777 == 0o600
    with log.open("ab") as file:
        file.truncate(3 * 1024 * 1024)
    await one.look()
    assert log.stat().st_size == 0


# ---- health checks


@contextlib.asynccontextmanager
async def listening(port, status=200, meanwhile=None):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        if meanwhile:
            await meanwhile()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def test_an_external_service_is_routed_at_once_and_logged_when_it_does_not_answer(seer, proxy, caplog):
    port = free_port()
    one = await seer(
        {"name": "far", "url": f"http://127.0.0.1:{port}/", "timeout": 1}, service_check_interval=1
    )
    await one.hub.router.sync()
    assert proxy.routes["/services/far/"].target == f"http://127.0.0.1:{port}"
    await checked(one, "far", "silent")
    assert f"service far does not answer at http://127.0.0.1:{port}/ after 1 s" in caplog.text
    async with listening(port):
        await checked_again(one, {"far": "answers"})
    await checked_again(one, {"far": "silent"})
    assert "no longer answers" in caplog.text


async def test_a_managed_service_is_routed_once_it_answers(seer, proxy):
    port = free_port()
    one = await seer({**web_on(port), "url": f"http://127.0.0.1:{port}"})
    assert "/services/sleeper/" not in proxy.routes
    await answering(one)
    await one.hub.router.sync()
    assert (await one.states(), "/services/sleeper/" in proxy.routes) == ({"sleeper": "answers"}, True)
    await one.managed.stop()
    await one.hub.router.sync()
    assert "/services/sleeper/" not in proxy.routes


def web_on(port):
    return {**SLEEP, "command": [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]}


async def answering(one):
    await checked(one, "sleeper", "answers")


async def checked(one, service, state):
    """Check the services until one is in a given state."""

    async def check():
        one.checks._due.clear()
        await one.checks.run_once()
        return (await one.states())[service] == state

    await conditions.until(check, seconds=60, pause=0.02)


async def checked_again(one, states):
    """Check the services that are due until they are in given states."""

    async def check():
        await one.checks.run_once()
        return await one.states() == states

    await conditions.until(check, pause=0.02)


async def test_a_process_on_the_port_of_a_service_gets_no_route(seer, proxy):
    port = free_port()
    one = await seer({**SLEEP, "url": f"http://127.0.0.1:{port}"})
    with foreign_listener(port=port):
        await one.checks.run_once()
    await one.hub.router.sync()
    assert "/services/sleeper/" not in proxy.routes


async def test_only_hubs_on_its_machine_check_a_managed_service(seer, proxy):
    port = free_port()
    spec = {**SLEEP, "url": f"http://127.0.0.1:{port}"}
    one, other = await seer(spec), await seer(spec, host="there")
    with foreign_listener(port=port):
        await other.checks.run_once()
        await one.checks.run_once()
    await one.hub.router.sync()
    assert "/services/sleeper/" not in proxy.routes


async def test_a_dead_service_gets_no_route_until_it_answers_again(seer, proxy):
    port = free_port()
    one = await seer({**web_on(port), "url": f"http://127.0.0.1:{port}"})
    await answering(one)
    await one.hub.router.sync()
    assert "/services/sleeper/" in proxy.routes
    process = psutil.Process(await one.pid())
    process.kill()
    await asyncio.to_thread(process.wait, 10)
    with foreign_listener(port=port):
        one.checks._due.clear()
        await one.checks.run_once()
        one.hub.router._expected_routes.clear()
        await one.hub.router.sync()
        assert "/services/sleeper/" not in proxy.routes
    await one.look()
    await answering(one)
    one.hub.router._expected_routes.clear()
    await one.hub.router.sync()
    assert "/services/sleeper/" in proxy.routes


async def test_a_check_of_an_earlier_process_does_not_count_for_the_current_one(seer):
    port = free_port()
    one = await seer({**SLEEP, "url": f"http://127.0.0.1:{port}"})

    async def start_anew():
        await one.hub.store.write(lambda tx: tx.service_lives.record_launch("sleeper", **RESTARTED))

    async with listening(port, meanwhile=start_anew):
        await one.checks.run_once()
    (life,) = (await one.lives()).values()
    assert (life.launch, life.answers) == (RESTARTED["launch"], None)
