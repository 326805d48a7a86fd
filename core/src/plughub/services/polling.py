"""Looking after running servers: whether each still runs, and whether anything runs that should not."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Final

from plughub.domain.errors import HubError, PluginError
from plughub.domain.servers import ServerRecord
from plughub.domain.users import User
from plughub.kinds import Found, SpawnerInfo
from plughub.plugin.hooks import Hooks
from plughub.services.operations.failing import exit_failure, with_logs
from plughub.services.ports import Store, Transaction
from plughub.services.servers import ServerService
from plughub.services.settings import HubSettings
from plughub.services.views import plugin_view

log = logging.getLogger("plughub.polling")
LOOK_SECONDS: Final = 2.0
AT_ONCE: Final = 50
LEFTOVER_SECONDS: Final = 60.0


class Poller:
    """Looks after running servers.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: of the hub.
        servers: tidies up after dead ones.
    """

    def __init__(self, store: Store, hooks: Hooks, settings: HubSettings, servers: ServerService) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._servers = servers
        self._due: dict[str, float] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Look after servers for ever."""
        while True:
            try:
                await self.look()
            except HubError as error:
                log.warning("cannot look after the servers: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look at every server whose turn it is; one that was never looked at is due at once."""
        if not await self._is_mine("poll"):
            return
        running = await self._store.read(self._running)
        now = time.monotonic()
        due = [server for server in running if self._due.get(server.launch, 0) <= now]
        users = await self._store.read(lambda tx: self._users_of(tx, due)) if due else {}
        theirs = [(server, users[server.user_id]) for server in due if server.user_id in users]
        await asyncio.gather(*(self._look_at(server, user) for server, user in theirs))
        alive = {server.launch for server in running}
        self._due = {launch: at for launch, at in self._due.items() if launch in alive}

    async def remove_leftovers(self) -> None:
        """Stop what runs under the hub's mark but belongs to no server and no operation, for ever."""
        while True:
            for plugin in self._settings.spawners:
                try:
                    if await self._is_mine("leftovers"):
                        await self._remove_leftovers_of(plugin)
                except HubError as error:
                    log.warning("cannot look for leftovers: %s", error)
            await asyncio.sleep(LEFTOVER_SECONDS)

    async def _is_mine(self, work: str) -> bool:
        lease = f"{work}@{self._settings.host}"
        holder, seconds = self._settings.hub_id, self._settings.lease
        return await self._store.write(lambda tx: tx.leases.hold(lease, holder, seconds))

    def _running(self, tx: Transaction) -> list[ServerRecord]:
        here = {"", self._settings.host}
        return [server for server in tx.servers.active() if server.ready and server.host in here]

    def _users_of(self, tx: Transaction, servers: list[ServerRecord]) -> dict[int, User]:
        found = {key: tx.users.by_id(key) for key in {server.user_id for server in servers}}
        return {key: user for key, user in found.items() if user is not None}

    async def _look_at(self, server: ServerRecord, user: User) -> None:
        plugin = server.backend or self._settings.default_spawner
        view = plugin_view(self._settings, server, user)
        async with self._slots:
            try:
                code = await self._hooks.poll(plugin, view)
            except PluginError as error:
                await self._note(server, str(error))
            else:
                await self._note(server, "")
                if code is not None:
                    failure = await with_logs(self._hooks, exit_failure(plugin, code, None), view)
                    log.warning("%s: %s", server.full_name, failure.message)
                    await self._servers.died(server, failure)
        self._due[server.launch] = time.monotonic() + self._pause(plugin)

    async def _note(self, server: ServerRecord, unknown: str) -> None:
        if server.unknown != unknown:
            if unknown:
                log.warning("%s is left as it is: %s", server.full_name, unknown)
            await self._store.write(lambda tx: tx.servers.set_unknown(server.id, unknown))

    def _pause(self, plugin: str) -> float:
        info = self._settings.spawners.get(plugin, SpawnerInfo())
        if not info.poll_interval:
            return float("inf")
        return info.poll_interval * random.uniform(1 - info.poll_jitter, 1 + info.poll_jitter)  # noqa: S311

    async def _remove_leftovers_of(self, plugin: str) -> None:
        try:
            found = await self._hooks.inventory(plugin, self._settings.mark)
        except PluginError as error:
            log.warning("%s", error)
            return
        owned = await self._store.read(self._owned) if found else frozenset()
        for leftover in found or ():
            if leftover.operation in owned:
                continue
            user = await self._store.read(lambda tx, leftover=leftover: self._disowned(tx, leftover))  # type: ignore[misc]
            if user is not None:
                await self._remove(plugin, leftover, user)

    def _owned(self, tx: Transaction) -> frozenset[str]:
        active = tx.servers.active()
        launches = {server.launch for server in active}
        return frozenset(launches | {server.operation.id for server in active if server.operation})

    def _disowned(self, tx: Transaction, found: Found) -> User | None:
        """Give the user of something that nobody owns; None when somebody does."""
        server = tx.servers.get(found.user, found.server)
        if server is not None and server.launch == found.operation and server.active:
            return None
        operation = tx.operations.get(found.operation)
        if operation is not None and not operation.done:
            return None
        return tx.users.get(found.user) or User(id=0, name=found.user, cookie_id="")

    async def _remove(self, plugin: str, found: Found, user: User) -> None:
        name = f"{found.user}/{found.server}"
        log.warning("%s was left running by start %s: stopping it", name, found.operation)
        record = ServerRecord(
            id=0,
            user_id=user.id,
            user=user.name,
            name=found.server,
            state=found.state,
            launch=found.operation,
        )
        try:
            await self._hooks.stop(plugin, plugin_view(self._settings, record, user), now=True)
        except PluginError as error:
            log.warning("%s", error)
