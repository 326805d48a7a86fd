"""Looking after running servers: whether each still runs, and whether anything runs that should not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from functools import partial
from typing import Final

from plughub.classes.spawner.hook_results import all_events
from plughub.domain.errors import HubError, PluginError
from plughub.domain.explanations import explained, with_details
from plughub.domain.servers import ServerRecord
from plughub.domain.timings import (
    ADOPT_SECONDS,
    LEFTOVER_SECONDS,
    SERVER_POLL_SECONDS,
    SERVER_POLL_SOON_SECONDS,
)
from plughub.domain.users import User
from plughub.kinds import Found, SpawnerInfo
from plughub.plugin.hooks import Hooks
from plughub.services.coordination.background_loops import repeat
from plughub.services.coordination.change_feed import CachedQuery, ChangeFeed
from plughub.services.coordination.leases import Leadership
from plughub.services.operations.reachability import Reachability
from plughub.services.operations.start_failures import exit_failure, with_logs
from plughub.services.routes.router import Router
from plughub.services.server_records import plugin_view
from plughub.services.servers.servers import ServerService
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.polling")
AT_ONCE: Final = 50
Running = tuple[int, str]
"""A server that runs, by its key and the start that launched it."""


class Poller:
    """Looks after running servers.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: of the hub.
        servers: tidies up after dead ones.
        router: removes routes that lead elsewhere.
        change_feed: knows whether anything may have changed.
    """

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        settings: HubSettings,
        servers: ServerService,
        router: Router,
        change_feed: ChangeFeed | None = None,
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._servers = servers
        self._reachability = Reachability(store, hooks, settings, router)
        self._due: dict[Running, float] = {}
        self._plugin_of: dict[Running, str] = {}
        self._leads: dict[str, Leadership] = {}
        self._of = {
            plugin: CachedQuery(change_feed or ChangeFeed(), partial(self._read, plugin))
            for plugin in settings.spawners
        }
        self._slots = {plugin: asyncio.Semaphore(AT_ONCE) for plugin in settings.spawners}

    async def run(self) -> None:
        """Look after servers for ever; a plugin that hangs keeps nobody from looking after the others."""
        plugins = self._settings.spawners
        await asyncio.gather(*map(self._run, plugins), *map(self._watch, plugins))

    async def _watch(self, plugin: str) -> None:
        if self._hooks.watch(plugin, self._settings.mark) is None:
            return
        watch = partial(self._poll_what_is_reported, plugin)
        await repeat(watch, SERVER_POLL_SECONDS, f"cannot watch the servers of {plugin}", log)

    async def _poll_what_is_reported(self, plugin: str) -> None:
        report = self._hooks.watch(plugin, self._settings.mark)
        if report is not None:
            async with contextlib.aclosing(all_events(report)) as operations, asyncio.TaskGroup() as polls:
                async for operation in operations:
                    polls.create_task(self._poll_reported(plugin, operation))

    async def _poll_reported(self, plugin: str, launch: str) -> None:
        """Poll a server that its plugin has reported; one that cannot be polled keeps no other waiting."""
        try:
            await self._poll_now(plugin, launch)
        except HubError as error:
            log.warning("cannot look at a server that %s has reported: %s", plugin, error)

    async def _poll_now(self, plugin: str, launch: str) -> None:
        """Poll the server of one launch, whenever its next turn is."""
        running = await self._of[plugin].get()
        keys = [key for key, of in running if of == launch]
        if not keys or not await self._lead("poll", plugin).take():
            return
        for server, user in await self._store.read(lambda tx: _with_users(tx, keys)):
            await self._look_at(server, user, plugin)

    async def _run(self, plugin: str) -> None:
        look = partial(self._look_at_those_of, plugin)
        await repeat(look, SERVER_POLL_SECONDS, f"cannot look after the servers of {plugin}", log)

    async def adopt(self, seconds: float = ADOPT_SECONDS) -> None:
        """Look at the servers that ran before this process, before their routes are restored.

        Those that have ended or moved, or whose address another process has taken, get no route. They are
        dealt with by the first regular look.

        Args:
            seconds: how long at most; what takes longer keeps its route until the first regular look.
        """
        looks = [asyncio.create_task(self._adopt(plugin)) for plugin in self._settings.spawners]
        _, late = await asyncio.wait(looks, timeout=seconds) if looks else ((), ())
        for look in late:
            look.cancel()
        for outcome in await asyncio.gather(*looks, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.warning("servers that ran before are looked at later: %s", outcome)

    async def _adopt(self, plugin: str) -> None:
        if not await self._lead("poll", plugin).take():
            return
        keys = [key for key, _ in await self._of[plugin].get()]
        servers = await self._store.read(lambda tx: _with_users(tx, keys)) if keys else []
        await asyncio.gather(*(self._adopt_one(server, user, plugin) for server, user in servers))

    async def _adopt_one(self, server: ServerRecord, user: User, plugin: str) -> None:
        async with self._slots[plugin]:
            with contextlib.suppress(PluginError):
                await self._reachability.adopt(plugin, server, plugin_view(self._settings, server, user))

    async def look(self) -> None:
        """Look at every server whose turn it is; one that was never looked at is due at once."""
        await asyncio.gather(*(self._look_at_those_of(plugin) for plugin in self._settings.spawners))

    async def _look_at_those_of(self, plugin: str) -> None:
        if not await self._lead("poll", plugin).take():
            return
        running = await self._of[plugin].get()
        now = time.monotonic()
        due = [key for key, launch in running if self._due.get((key, launch), 0) <= now]
        theirs = await self._store.read(lambda tx: _with_users(tx, due)) if due else []
        await asyncio.gather(*(self._look_at(server, user, plugin) for server, user in theirs))
        self._forget(frozenset(running), plugin)

    async def remove_leftovers(self) -> None:
        """Stop what runs under the hub's mark but belongs to no server and no operation, for ever."""
        await asyncio.gather(*(self._remove_leftovers(plugin) for plugin in self._settings.spawners))

    async def _remove_leftovers(self, plugin: str) -> None:
        look = partial(self._remove_leftovers_of, plugin)
        await repeat(look, LEFTOVER_SECONDS, f"cannot look for leftovers of {plugin}", log)

    def _lead(self, work: str, plugin: str) -> Leadership:
        """Give what tells who does some work for a plugin; one does it for each machine if need be."""
        info = self._settings.spawners[plugin]
        lease = f"{work}:{plugin}" + (f"@{self._settings.host}" if info.host_bound else "")
        if lease not in self._leads:
            self._leads[lease] = Leadership(self._store, self._settings, lease)
        return self._leads[lease]

    async def _read(self, plugin: str) -> list[Running]:
        return await self._store.read(lambda tx: self._running(tx, plugin))

    def _running(self, tx: Transaction, plugin: str) -> list[tuple[int, str]]:
        # What was taken over from another hub does not tell its plugin.
        names = {plugin, ""} if plugin == self._settings.default_spawner else {plugin}
        return tx.servers.running(names, {"", self._settings.host})

    async def _look_at(self, server: ServerRecord, user: User, plugin: str) -> None:
        view = plugin_view(self._settings, server, user)
        async with self._slots[plugin]:
            # Until it is known again where the server is, its route may lead elsewhere.
            soon = not server.url or bool(server.unreachable)
            try:
                code = await self._reachability.look(plugin, server, view)
            except PluginError as error:
                soon = True
                await self._note(server, with_details("the hub cannot tell whether it runs", str(error)))
            else:
                await self._note(server, "")
                if code is not None:
                    failure = await with_logs(self._hooks, exit_failure(plugin, code, None), view)
                    log.warning("%s: %s", server.full_name, failure.told(details=True))
                    await self._servers.died(server, failure)
        running = (server.id, server.launch)
        pause = self._pause(plugin)
        self._due[running] = time.monotonic() + (min(pause, SERVER_POLL_SOON_SECONDS) if soon else pause)
        self._plugin_of[running] = plugin

    def _forget(self, alive: frozenset[Running], plugin: str) -> None:
        for gone in [key for key, of in self._plugin_of.items() if of == plugin and key not in alive]:
            del self._plugin_of[gone]
            self._due.pop(gone, None)

    async def _note(self, server: ServerRecord, unknown: str) -> None:
        if server.unknown != unknown:
            if unknown:
                why = explained(unknown, details=True)
                log.warning("%s is left as it is: %s", server.full_name, why)
            await self._store.write(lambda tx: tx.servers.set_unknown(server, unknown))

    def _pause(self, plugin: str) -> float:
        info = self._settings.spawners.get(plugin, SpawnerInfo())
        if not info.poll_interval:
            return float("inf")
        return info.poll_interval * random.uniform(1 - info.poll_jitter, 1 + info.poll_jitter)  # noqa: S311

    async def _remove_leftovers_of(self, plugin: str) -> None:
        lead = self._lead("leftovers", plugin)
        if not await lead.take():
            return
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
            # This process may have been stopped since it looked.
            if user is not None and await lead.take():
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


def _with_users(tx: Transaction, keys: list[int]) -> list[tuple[ServerRecord, User]]:
    """Read servers that still run undisturbed, with their users."""
    servers = [server for server in tx.servers.by_ids(keys) if server.running]
    users = {user.id: user for user in tx.user_list.by_ids({server.user_id for server in servers})}
    return [(server, users[server.user_id]) for server in servers if server.user_id in users]
