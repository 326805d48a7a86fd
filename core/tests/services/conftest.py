import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from plughub import hookimpl
from plughub.app.config import JupyterHub
from plughub.app.service_settings import with_settings_of
from plughub.domain.servers import ServerRecord
from plughub.domain.sessions import Client, login_cookie
from plughub.domain.users import User
from plughub.kinds import Endpoint, Found, Identity, Login, Moved, Resumable, Route, Server, SpawnerInfo
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import ActivePlugins
from plughub.plugin.threads import ThreadPools
from plughub.services.coordination.initial_records import store_initial_records
from plughub.services.settings import HubSettings
from plughub.services.tokens.database_tokens import DatabaseTokens
from plughub.storage.store import Store, Transaction
from plughub.testing import conditions, delays
from plughub.testing.databases import open_database
from plughub.testing.services import make_services, split_settings

MakeHub = Callable[..., "HubParts"]


class Machine:
    """The world outside the hub: HTTP servers that run in this process. They outlive hub processes."""

    def __init__(self) -> None:
        self.address = "127.0.0.1"
        self.running: dict[str, tuple[Server, asyncio.Server, str]] = {}
        self.launches: list[str] = []
        self.stops: list[tuple[str, bool]] = []
        self.code = 3
        self.error: Exception | None = None
        self.silent = False
        self.dies = False
        self.poll_error: Exception | None = None
        self.stop_error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.before: asyncio.Event | None = None
        self.stop_gate: asyncio.Event | None = None
        self.forgetful = False
        self.seen: dict[str, Server] = {}
        self.deleted: list[Server] = []
        self.delete_error: Exception | None = None
        self.renamed: list[tuple[str, str]] = []
        self.rename_error: Exception | None = None
        self.resumes: Resumable | None = None
        self.tokens: list[str] = []
        self.token_of_old: str | None = None
        self.inventory_is_missing = False
        self.moved: dict[str, Moved] = {}
        self.ours: bool | Exception = True
        self.poll_gate: asyncio.Event | None = None
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        self.verified: list[str] = []
        self.received: list[tuple[str, Mapping[str, Any]]] = []
        self.receive_errors: list[Exception] = []

    async def launch(self, server: Server) -> Endpoint:
        self.launches.append(server.operation)
        self.seen["spawn"] = server
        self.tokens.append(server.environment["JUPYTERHUB_API_TOKEN"])
        if self.before:
            await self.before.wait()
        if self.error:
            raise self.error
        listener = await asyncio.start_server(self._answer, self.address, 0)
        url = f"http://{self.address}:{listener.sockets[0].getsockname()[1]}"
        self.running[server.operation] = (server, listener, url)
        if self.dies:
            await self.kill(server.operation)
        if self.gate:
            await self.gate.wait()
        return Endpoint(url=url, state={"launch": server.operation}, api_token=self.token_of_old)

    async def kill(self, launch: str) -> None:
        _, listener, _ = self.running.pop(launch)
        listener.close()
        await listener.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            if not self.silent:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()


class MachineSpawner:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    @hookimpl
    def hub_spawner_info(self) -> SpawnerInfo:
        return SpawnerInfo(label="Machine")

    @hookimpl
    async def hub_spawn(self, server: Server) -> Endpoint:
        return await self.machine.launch(server)

    @hookimpl
    async def hub_poll(self, server: Server) -> int | Moved | None:
        self.machine.seen["poll"] = server
        if self.machine.poll_gate:
            await self.machine.poll_gate.wait()
        if self.machine.poll_error:
            raise self.machine.poll_error
        if server.operation not in self.machine.running:
            return self.machine.code
        return self.machine.moved.get(server.operation)

    @hookimpl
    async def hub_receive(self, server: Server, values: Mapping[str, Any]) -> None:
        if self.machine.receive_errors:
            raise self.machine.receive_errors.pop()
        self.machine.received.append((server.operation, values))

    @hookimpl
    async def hub_watch(self) -> AsyncIterator[str]:
        while True:
            yield await self.machine.ended.get()

    @hookimpl
    async def hub_verify_address(self, server: Server) -> bool:
        self.machine.verified.append(server.url)
        if isinstance(self.machine.ours, Exception):
            raise self.machine.ours
        return self.machine.ours

    @hookimpl
    async def hub_stop(self, server: Server, now: bool) -> Resumable | None:
        self.machine.stops.append((server.operation, now))
        self.machine.seen["stop"] = server
        if self.machine.stop_gate:
            await self.machine.stop_gate.wait()
        if self.machine.stop_error:
            raise self.machine.stop_error
        if server.operation in self.machine.running:
            await self.machine.kill(server.operation)
        return self.machine.resumes

    @hookimpl
    async def hub_rename_server(self, server: Server, name: str) -> None:
        if self.machine.rename_error:
            raise self.machine.rename_error
        self.machine.renamed.append((server.name, name))

    @hookimpl
    async def hub_delete_server(self, server: Server) -> None:
        self.machine.deleted.append(server)
        if self.machine.delete_error:
            raise self.machine.delete_error

    @hookimpl
    async def hub_logs(self, server: Server, lines: int) -> list[str]:
        return ["first", "API_TOKEN=abcdef0123456789 last"][-lines:]

    @hookimpl
    async def hub_diagnose(self, server: Server) -> str:
        return "it listens elsewhere"

    @hookimpl
    async def hub_inventory(self, mark: str) -> list[Found] | None:
        if self.machine.inventory_is_missing:
            return None
        if self.machine.forgetful:
            return []
        return [
            Found(
                operation=key,
                user=server.user.name,
                server=server.name,
                url=url,
                state={"launch": key},
            )
            for key, (server, _, url) in self.machine.running.items()
            if server.mark == mark
        ]


class TableProxy:
    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.starts = 0
        self.refused = 0
        self.code: int | None = None
        self.error: Exception | None = None

    @hookimpl
    async def hub_proxy_start(self, proxy: object) -> dict[str, int]:
        self.starts += 1
        self.code = None
        return {"starts": self.starts}

    @hookimpl
    async def hub_proxy_poll(self) -> int | None:
        return self.code

    @hookimpl
    async def hub_proxy_stop(self) -> None:
        self.routes.clear()

    @hookimpl
    async def hub_route_add(self, route: Route) -> None:
        if self.error:
            self.refused += 1
            raise self.error
        self.routes[route.routespec] = route

    @hookimpl
    async def hub_route_delete(self, routespec: str) -> None:
        self.routes.pop(routespec, None)

    @hookimpl
    async def hub_routes(self) -> list[Route]:
        return list(self.routes.values())


class PasswordTable:
    """An authenticator with a table of names and passwords."""

    def __init__(self, people: Mapping[str, str]) -> None:
        self.people = people

    @hookimpl
    async def hub_authenticate(self, login: Login) -> Identity | None:
        known = self.people.get(login.username)
        return Identity(name=login.username) if known == login.password else None


class HubParts:
    """The services of one hub process, composed as in the application."""

    def __init__(
        self,
        url: str,
        folder: Path,
        machine: Machine,
        proxy: object,
        extra: Mapping[str, object] | None = None,
        keys: tuple[bytes, ...] = (),
        **settings: Any,
    ) -> None:
        self.database = open_database(url)
        self.store = Store(self.database)
        plugins = ActivePlugins()
        plugins.add("machine", MachineSpawner(machine))
        plugins.add("table", proxy)
        plugins.add("database", DatabaseTokens(self.store))
        for name, plugin in (extra or {}).items():
            plugins.add(name, plugin)
        self.hooks = Hooks(HookCaller(plugins, ThreadPools()))
        of_settings, given = split_settings(settings)
        basis = HubSettings(
            mark=given.pop("mark", "mark"),
            hub_id=uuid.uuid4().hex,
            host=given.pop("host", "here"),
            spawners={
                "machine": SpawnerInfo(
                    http_timeout=given.pop("http_timeout", 5), host_bound=given.pop("host_bound", False)
                )
            }
            | {name: SpawnerInfo() for name, plugin in (extra or {}).items() if hasattr(plugin, "hub_spawn")},
            proxy="table",
        )
        self.settings = replace(with_settings_of(JupyterHub(**of_settings), basis), **given)
        self.services = make_services(self.store, self.hooks, self.settings, folder, keys=keys)
        self._tasks: list[asyncio.Task[Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.services, name)

    def run(self) -> Self:
        work = (self.runner.claim_free_operations(), self.runner.renew_leases(), self.events.run())
        self._tasks = [asyncio.create_task(task) for task in work]
        return self

    async def crash(self) -> None:
        """End like SIGKILL: nothing is released."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.runner.close()
        self.database.close()

    async def user(self, name: str = "alice") -> User:
        def work(tx: Transaction) -> User:
            store_initial_records(tx)
            return tx.users.get(name) or tx.users.create(name)

        return await self.store.write(work)

    async def by_old_cookie(self, cookie_id: str) -> Any:
        """Return the user of a login cookie that a JupyterHub made."""
        cookie = login_cookie(cookie_id, f"signed {cookie_id}", time.time())
        return await self.sessions.principal(cookie, Client())

    async def started(self, name: str = "alice", server: str = "", **how: Any) -> ServerRecord:
        asked = await self.services.servers.start(await self.user(name), server, **how)
        return await self.services.servers.wait(asked, 60)

    async def gave_up(self, name: str = "alice", **how: Any) -> ServerRecord:
        """Start a server that fails, and wait for the cleanup."""
        server = await self.started(name, **how)
        async for now in self.services.servers.changes(server):
            if now.operation is None:
                return now
        raise AssertionError("what the start has left is not cleaned up")

    async def stopped(self, server: ServerRecord, **how: Any) -> ServerRecord:
        servers = self.services.servers
        return await servers.wait(await servers.stop(server, **how), 60)


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry what fails after a tenth of the usual delay."""
    delays.shorten(monkeypatch)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def proxy() -> TableProxy:
    return TableProxy()


@pytest.fixture
def db_url(hub_db_url: str) -> str:
    """URL of a database with the schema of a hub."""
    return hub_db_url


@pytest.fixture
async def make_hub(
    db_url: str, tmp_path: Path, machine: Machine, proxy: TableProxy
) -> AsyncIterator[MakeHub]:
    hubs: list[HubParts] = []

    def make(**settings: Any) -> HubParts:
        hub = HubParts(db_url, tmp_path, machine, settings.pop("table", proxy), **settings)
        hubs.append(hub)
        return hub.run()

    yield make
    for hub in hubs:
        await hub.crash()
    for launch in list(machine.running):
        await machine.kill(launch)


@pytest.fixture
async def hub(make_hub: MakeHub) -> HubParts:
    return make_hub()


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Wait until a condition holds."""

    async def wait(condition: Callable[[], Any], seconds: float = 60.0) -> None:
        async def holds() -> Any:
            return condition()

        await conditions.until(holds, seconds=seconds, pause=0.01)

    return wait


@pytest.fixture
def password_table() -> type[PasswordTable]:
    return PasswordTable
