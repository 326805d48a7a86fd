"""Polling of running servers, and the search for orphaned ones."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from plughub.classes.spawner.hook_results import all_events
from plughub.domain.errors import HubError, PluginError
from plughub.domain.explanations import explained, with_details
from plughub.domain.servers import ServerRecord
from plughub.domain.timings import (
    CACHED_SERVERS_SECONDS,
    LEFTOVER_SECONDS,
    RUN_SEEN_SECONDS,
    SERVER_POLL_SECONDS,
    SERVER_POLL_SOON_SECONDS,
    WATCHED_POLLS,
)
from plughub.domain.users import User
from plughub.kinds import Found, SpawnerInfo, Watched
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
"""Key of a running server, and id of the start that launched it."""


class Poller:
    """Polls running servers.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
        servers: cleans up after servers that have ended.
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
        self._alive: dict[str, set[int]] = {plugin: set() for plugin in settings.spawners}
        self._noted: dict[str, float] = {}
        self._leaderships: dict[str, Leadership] = {}
        self._running_of = {
            plugin: CachedQuery(
                change_feed or ChangeFeed(), partial(self._read, plugin), CACHED_SERVERS_SECONDS
            )
            for plugin in settings.spawners
        }
        self._slots = {plugin: asyncio.Semaphore(AT_ONCE) for plugin in settings.spawners}

    async def run(self) -> None:
        """Poll servers until cancelled; a plugin that hangs does not delay the others."""
        plugins = self._settings.spawners
        await asyncio.gather(*map(self._run_plugin, plugins), *map(self._watch, plugins))

    async def _watch(self, plugin: str) -> None:
        if self._hooks.watch(plugin, self._settings.mark) is None:
            return
        watch = partial(self._poll_while_watched, plugin)
        await repeat(watch, SERVER_POLL_SECONDS, f"cannot watch servers of plugin {plugin}", log)

    async def _poll_while_watched(self, plugin: str) -> None:
        try:
            await self._poll_reported_servers(plugin)
        finally:  # nothing is watched any more
            latest = time.monotonic() + self._next_interval(plugin)
            for running in [one for one, of in self._plugin_of.items() if of == plugin]:
                self._due[running] = min(self._due.get(running, latest), latest)

    async def _poll_reported_servers(self, plugin: str) -> None:
        report = self._hooks.watch(plugin, self._settings.mark)
        if report is not None:
            async with contextlib.aclosing(all_events(report)) as launches, asyncio.TaskGroup() as polls:
                async for launch in launches:
                    polls.create_task(self._poll_reported(plugin, launch))

    async def _poll_reported(self, plugin: str, launch: str) -> None:
        """Poll a server that its plugin has reported; a failure does not affect other servers."""
        if self._servers.check_launch(launch):
            return
        try:
            await self._poll_now(plugin, launch)
        except HubError as error:
            log.warning("cannot poll a server that plugin %s has reported: %s", plugin, error)

    async def _poll_now(self, plugin: str, launch: str) -> None:
        """Poll the server of one launch at once."""
        running = await self._running_of[plugin].get()
        keys = [key for key, of in running if of == launch]
        if not keys or not await self._leadership("poll", plugin).acquire():
            return
        for server, user in await self._store.read(lambda tx: _with_users(tx, keys)):
            await self._poll_server(server, user, plugin)

    async def _run_plugin(self, plugin: str) -> None:
        look = partial(self._poll_plugin, plugin, new_ones=False)
        await repeat(look, SERVER_POLL_SECONDS, f"cannot poll servers of plugin {plugin}", log)

    async def adopt(self, seconds: float | None) -> None:
        """Poll the servers that ran before this process started, before their routes are restored.

        Those that have ended or moved, or whose address another process has taken, get no route. The first
        regular poll cleans up after them.

        Args:
            seconds: longest duration, None for no limit; servers not polled by then keep their route until
                the regular poll.
        """
        looks = [asyncio.create_task(self._adopt(plugin)) for plugin in self._settings.spawners]
        _, late = await asyncio.wait(looks, timeout=seconds) if looks else ((), ())
        for look in late:
            look.cancel()
        for outcome in await asyncio.gather(*looks, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.warning("cannot yet check the servers that ran before this start: %s", outcome)

    async def _adopt(self, plugin: str) -> None:
        if not await self._leadership("poll", plugin).acquire():
            return
        keys = [key for key, _ in await self._running_of[plugin].get()]
        servers = await self._store.read(lambda tx: _with_users(tx, keys)) if keys else []
        await asyncio.gather(*(self._adopt_one(server, user, plugin) for server, user in servers))

    async def _adopt_one(self, server: ServerRecord, user: User, plugin: str) -> None:
        async with self._slots[plugin]:
            view, runs = plugin_view(self._settings, server, user), False
            with contextlib.suppress(PluginError):
                runs = await self._reachability.adopt(plugin, server, view)
        if runs:
            self._alive[plugin].add(server.id)
        if runs and not server.unknown:  # spread the next polls of all of them
            self._schedule((server.id, server.launch), plugin, random.random() * self._next_interval(plugin))  # noqa: S311

    async def run_once(self) -> None:
        """Poll every server that is due; one that was never polled is due at once."""
        await asyncio.gather(*(self._poll_plugin(plugin) for plugin in self._settings.spawners))

    async def _poll_plugin(self, plugin: str, *, new_ones: bool = True) -> None:
        if not await self._leadership("poll", plugin).acquire():
            return
        running = await self._running_of[plugin].get()
        if not new_ones:
            self._schedule_new(plugin, running)
        now = time.monotonic()
        due = [key for key, launch in running if self._due.get((key, launch), 0) <= now]
        servers = await self._store.read(lambda tx: _with_users(tx, due)) if due else []
        await asyncio.gather(*(self._poll_server(server, user, plugin) for server, user in servers))
        self._forget(frozenset(running), plugin)
        await self._note_alive(plugin)

    def _schedule_new(self, plugin: str, running: Sequence[Running]) -> None:
        """Schedule servers whose start this process has just finished: it has polled them then."""
        for key, launch in running:
            if (key, launch) not in self._due and self._servers.was_started_here(launch):
                self._alive[plugin].add(key)
                self._schedule((key, launch), plugin, self._next_interval(plugin))

    async def _note_alive(self, plugin: str) -> None:
        """Store now and then which servers were found running, for the end of those that no hub sees end."""
        now = time.monotonic()
        if self._alive[plugin] and now - self._noted.get(plugin, float("-inf")) >= RUN_SEEN_SECONDS:
            self._noted[plugin] = now
            alive, self._alive[plugin] = sorted(self._alive[plugin]), set()
            await self._store.write(lambda tx: tx.runs.mark_seen(alive))

    async def stop_orphans(self) -> None:
        """Stop what runs under the hub's mark without a server or an operation, until cancelled."""
        await asyncio.gather(*(self._stop_orphans(plugin) for plugin in self._settings.spawners))

    async def _stop_orphans(self, plugin: str) -> None:
        look = partial(self._stop_orphans_of, plugin)
        await repeat(look, LEFTOVER_SECONDS, f"cannot look for orphans of plugin {plugin}", log)

    def _leadership(self, work: str, plugin: str) -> Leadership:
        """Return the leadership for some work of a plugin; host-bound plugins have one on each machine."""
        info = self._settings.spawners[plugin]
        lease = f"{work}:{plugin}" + (f"@{self._settings.host}" if info.host_bound else "")
        if lease not in self._leaderships:
            self._leaderships[lease] = Leadership(self._store, self._settings, lease)
        return self._leaderships[lease]

    async def _read(self, plugin: str) -> list[Running]:
        return await self._store.read(lambda tx: self._running(tx, plugin))

    def _running(self, tx: Transaction, plugin: str) -> list[tuple[int, str]]:
        # Servers from a JupyterHub database name no plugin.
        names = {plugin, ""} if plugin == self._settings.default_spawner else {plugin}
        return tx.servers.running(names, {"", self._settings.host})

    async def _poll_server(self, server: ServerRecord, user: User, plugin: str) -> None:
        view = plugin_view(self._settings, server, user)
        async with self._slots[plugin]:
            # While its address is unknown, its route may lead elsewhere.
            soon, watched = not server.url or bool(server.unreachable), False
            try:
                code = await self._reachability.poll(plugin, server, view)
            except PluginError as error:
                soon = True
                await self._store_unknown(
                    server, with_details("the hub cannot tell whether it is running", str(error))
                )
            else:
                await self._store_unknown(server, "")
                if code is None or isinstance(code, Watched):
                    self._alive[plugin].add(server.id)
                    watched = code is not None
                else:
                    failure = await with_logs(self._hooks, exit_failure(plugin, code, None), view)
                    log.warning("%s: %s", server.full_name, failure.describe(details=True))
                    await self._servers.handle_exit(server, failure)
        pause = self._next_interval(plugin)
        if soon:
            pause = min(pause, SERVER_POLL_SOON_SECONDS)
        elif watched:
            pause *= WATCHED_POLLS
        self._schedule((server.id, server.launch), plugin, pause)

    def _schedule(self, running: Running, plugin: str, pause: float) -> None:
        self._due[running] = time.monotonic() + pause
        self._plugin_of[running] = plugin

    def _forget(self, alive: frozenset[Running], plugin: str) -> None:
        for stale in [key for key, of in self._plugin_of.items() if of == plugin and key not in alive]:
            del self._plugin_of[stale]
            self._due.pop(stale, None)

    async def _store_unknown(self, server: ServerRecord, unknown: str) -> None:
        if server.unknown != unknown:
            if unknown:
                why = explained(unknown, details=True)
                log.warning("leaving %s unchanged: %s", server.full_name, why)
            await self._store.write(lambda tx: tx.servers.set_unknown(server, unknown))

    def _next_interval(self, plugin: str) -> float:
        info = self._settings.spawners.get(plugin, SpawnerInfo())
        if not info.poll_interval:
            return float("inf")
        return info.poll_interval * random.uniform(1 - info.poll_jitter, 1 + info.poll_jitter)  # noqa: S311

    async def _stop_orphans_of(self, plugin: str) -> None:
        leadership = self._leadership("leftovers", plugin)
        if not await leadership.acquire():
            return
        try:
            found = await self._hooks.inventory(plugin, self._settings.mark)
        except PluginError as error:
            log.warning("%s", error)
            return
        owned = await self._store.read(self._owned) if found else frozenset()
        for orphan in found or ():
            if orphan.operation in owned:
                continue
            user = await self._store.read(lambda tx, orphan=orphan: self._orphan_user(tx, orphan))  # type: ignore[misc]
            # This process may have been suspended since the inventory.
            if user is not None and await leadership.acquire():
                await self._stop_orphan(plugin, orphan, user)

    def _owned(self, tx: Transaction) -> frozenset[str]:
        active = tx.servers.active()
        launches = {server.launch for server in active}
        return frozenset(launches | {server.operation.id for server in active if server.operation})

    def _orphan_user(self, tx: Transaction, found: Found) -> User | None:
        """Return the user of an orphan; None when it belongs to a server or an operation."""
        server = tx.servers.get(found.user, found.server)
        if server is not None and server.launch == found.operation and server.active:
            return None
        operation = tx.operations.get(found.operation)
        if operation is not None and not operation.is_done:
            return None
        return tx.users.get(found.user) or User(id=0, name=found.user, cookie_id="")

    async def _stop_orphan(self, plugin: str, found: Found, user: User) -> None:
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
    """Read those servers that are running without an operation, with their users."""
    servers = [server for server in tx.servers.by_ids(keys) if server.running]
    users = {user.id: user for user in tx.user_list.by_ids({server.user_id for server in servers})}
    return [(server, users[server.user_id]) for server in servers if server.user_id in users]
