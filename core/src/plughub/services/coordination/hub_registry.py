"""This process among the hub's processes: signs of life, news for caches, housekeeping."""

from __future__ import annotations

import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from plughub.classes.processes.identity import ProcessIdentity, process_space
from plughub.domain.activity_snapshot import ActivitySnapshot
from plughub.domain.clock import utcnow
from plughub.domain.hub_processes import HubProcess
from plughub.domain.machines import Machines
from plughub.domain.timings import (
    ALIVE_LEASES,
    CHANGE_FEED_SECONDS,
    CHANGE_FEED_WINDOW,
    GONE_LEASES,
    HEARTBEATS_PER_LEASE,
    HOUSEKEEPING_SECONDS,
    IDLE_COUNT_SECONDS,
    KEEP_CHANGES_SECONDS,
    KEEP_OPERATIONS_SECONDS,
    KNOWN_PAIR_SECONDS,
)
from plughub.services.coordination.background_loops import repeat
from plughub.services.coordination.hostname_conflicts import is_namesake, same_name, wait_for_namesakes
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.membership")
MOST_LOGIN_TRIES: Final = 100_000
"""Rows with counts of wrong passwords."""


class HubRegistry:
    """This process among the hub's processes.

    Args:
        store: the storage.
        settings: of the hub.
        changed: told topic and key of what other processes changed.
        heard: told until when, by the monotonic clock, all changes were passed on.
        felt: told what goes on, and when that was asked by the monotonic clock.
        missed: told that changes may have been missed: whatever is remembered may be wrong.
    """

    def __init__(
        self,
        store: Store,
        settings: HubSettings,
        changed: Callable[[list[tuple[str, str]]], None],
        heard: Callable[[float], None] = lambda _: None,
        felt: Callable[[ActivitySnapshot, float], None] = lambda *_: None,
        missed: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._changed = changed
        self._heard = heard
        self._felt = felt
        self._missed = missed
        self._until: float | None = None
        self._seen: OrderedDict[int, None] = OrderedDict()

    async def join(self) -> None:
        """Note that this process began, and free what dead processes of this machine held.

        Raises:
            StartError: another machine, or a container, where a hub runs has the same name.
        """
        host, gone = self._settings.host, await wait_for_namesakes(self._store, self._settings)

        def work(tx: Transaction) -> None:
            for hub in tx.hub_processes.list():
                if is_namesake(hub, host) and gone.get(hub.id) != hub.seen:
                    raise same_name(host)
                if hub.id in gone or _has_ended_here(hub, host):
                    log.info("hub process %s is gone: going on with its work", hub.pid)
                    tx.hub_processes.leave(hub.id)
            self._enter(tx)
            tx.operations.retry_all_now(tuple(self._settings.spawners), host)

        await self._store.write(work)

    def _enter(self, tx: Transaction) -> None:
        pid = os.getpid()
        tx.hub_processes.join(
            self._settings.hub_id,
            host=self._settings.host,
            pid=pid,
            birth=_birth(pid),
            url=self._settings.hub_url,
            backends=tuple(self._settings.spawners),
            space=process_space(),
        )

    async def others(self) -> list[HubProcess]:
        """List the other processes that are alive.

        Returns:
            Those that gave a sign of life lately and, on this machine, still run.
        """
        return await self._store.read(lambda tx: other_hubs(tx, self._settings))

    async def leave(self) -> None:
        """Note that this process ends."""
        await self._store.write(lambda tx: tx.hub_processes.leave(self._settings.hub_id))

    async def beat(self) -> None:
        """Give signs of life for ever."""
        await repeat(
            self._give_sign,
            self._settings.lease / HEARTBEATS_PER_LEASE,
            "no sign of life could be given",
            log,
        )

    async def _give_sign(self) -> None:
        await self._store.write(self._beat)

    def _beat(self, tx: Transaction) -> None:
        if not tx.hub_processes.beat(self._settings.hub_id):
            self._enter(tx)

    async def follow_changes(self) -> None:
        """Pass on what other processes changed and what goes on, by one look for all, for ever."""
        await repeat(self.hear, CHANGE_FEED_SECONDS, "no news from the other processes", log)

    async def hear(self) -> None:
        """Pass on, once, what other processes changed and what goes on.

        By the clock of the database: this machine's may stand still while it sleeps.
        """
        begin, until = time.monotonic(), self._until
        news = await self._store.read(lambda tx: _news(tx, until))
        now = news.activity_snapshot.at
        if until is not None and abs(now - until) > CHANGE_FEED_WINDOW:
            log.warning(
                "no news from the other processes for %d s: everything is looked up anew", now - until
            )
            self._missed()
        self._until = now
        fresh = [(number, topic, key) for number, topic, key in news.changes if number not in self._seen]
        for number, *_ in fresh:
            self._seen[number] = None
        while len(self._seen) > len(news.changes):
            self._seen.popitem(last=False)
        if fresh:
            self._changed([(topic, key) for _, topic, key in fresh])
        self._heard(begin)
        self._felt(news.activity_snapshot, begin)

    async def keep_house(self) -> None:
        """Forget what has ended, for ever."""
        await repeat(self._clean, HOUSEKEEPING_SECONDS, "housekeeping is put off", log)

    async def _clean(self) -> None:
        await self._store.write(self._forget)

    def _forget(self, tx: Transaction) -> None:
        if not tx.leases.hold("housekeeping", self._settings.hub_id, HOUSEKEEPING_SECONDS):
            return
        tx.tokens.purge()
        tx.sessions.purge()
        tx.shares.purge()
        tx.audit.purge(utcnow() - timedelta(days=self._settings.audit_days))
        tx.changes.purge(tx.now() - KEEP_CHANGES_SECONDS)
        tx.operations.purge(tx.now() - KEEP_OPERATIONS_SECONDS)
        now = tx.now()
        tx.login_attempts.purge(now - IDLE_COUNT_SECONDS, now - KNOWN_PAIR_SECONDS, MOST_LOGIN_TRIES)
        for hub in tx.hub_processes.list():
            if hub.seen < tx.now() - GONE_LEASES * self._settings.lease:
                tx.hub_processes.leave(hub.id)


@dataclass(frozen=True, slots=True)
class _News:
    """What was changed lately, by number, topic and key, and what goes on."""

    changes: list[tuple[int, str, str]]
    activity_snapshot: ActivitySnapshot


def _news(tx: Transaction, until: float | None) -> _News:
    activity_snapshot = tx.activity_snapshot()
    since = activity_snapshot.at if until is None else min(activity_snapshot.at, until)
    return _News(tx.changes.since(since - CHANGE_FEED_WINDOW), activity_snapshot)


def machines_of(hubs: Iterable[HubProcess], settings: HubSettings) -> Machines:
    """Tell on which machines the hub's processes are, and which of them the proxy is on.

    Args:
        hubs: the processes that are alive.
        settings: of this process.

    Returns:
        The machines.
    """
    return Machines(settings.proxy_host, frozenset(hub.host for hub in hubs))


def hubs_alive(tx: Transaction, lease: float) -> list[HubProcess]:
    """List the hub's processes that are alive.

    Args:
        tx: the transaction.
        lease: seconds without a sign of life after which another process takes work over.

    Returns:
        Those that gave a sign of life lately.
    """
    since = tx.now() - ALIVE_LEASES * lease
    return [hub for hub in tx.hub_processes.list() if hub.seen >= since]


def other_hubs(tx: Transaction, settings: HubSettings) -> list[HubProcess]:
    """List the hub's other processes that are alive.

    Args:
        tx: the transaction.
        settings: of this process.

    Returns:
        Those that gave a sign of life lately and, on this machine, still run.
    """
    others = (hub for hub in hubs_alive(tx, settings.lease) if hub.id != settings.hub_id)
    return [hub for hub in others if not _has_ended_here(hub, settings.host)]


def living_backends(tx: Transaction, lease: float) -> frozenset[tuple[str, str]] | None:
    """Tell which spawners the hub's processes have.

    Args:
        tx: the transaction.
        lease: seconds without a sign of life after which another process takes work over.

    Returns:
        Spawner and machine; None when a process of an older version does not tell.
    """
    living = hubs_alive(tx, lease)
    found: set[tuple[str, str]] = set()
    for hub in living:
        if hub.backends is None:
            return None
        found |= {(backend, hub.host) for backend in hub.backends}
    return frozenset(found)


def _has_ended_here(hub: HubProcess, host: str) -> bool:
    """Tell whether a process of this machine has ended; of another machine's, signs of life tell it later."""
    here = hub.host == host and not is_namesake(hub, host)
    return bool(here and _birth(hub.pid) != hub.birth)


def _birth(pid: int) -> float:
    """Return when a process began; 0 when there is none."""
    process = ProcessIdentity.of(pid)
    return 0.0 if process is None else process.ticks
