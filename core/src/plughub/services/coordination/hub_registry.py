"""Hub registry: heartbeats of hub processes, changes by other processes, and housekeeping."""

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
from plughub.domain.errors import RETRY, StartError
from plughub.domain.hub_processes import HubProcess
from plughub.domain.machines import Machines
from plughub.domain.timings import (
    ALIVE_LEASES,
    CHANGE_FEED_SECONDS,
    CHANGE_FEED_WINDOW,
    DAY,
    GONE_LEASES,
    HEARTBEATS_PER_LEASE,
    HOUSEKEEPING_SECONDS,
    IDLE_COUNT_SECONDS,
    KEEP_CHANGES_SECONDS,
    KEEP_OPERATIONS_SECONDS,
    KNOWN_PAIR_SECONDS,
)
from plughub.domain.unix_sockets import is_unix_socket_url
from plughub.services.coordination.background_loops import repeat
from plughub.services.coordination.hostname_conflicts import (
    has_conflicting_hostname,
    hostname_conflict,
    wait_for_hostname_conflicts,
)
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.membership")
MOST_LOGIN_TRIES: Final = 100_000
"""Rows with counts of failed logins."""


class HubRegistry:
    """Registers this process among the hub processes and follows the others.

    Args:
        store: the storage.
        settings: settings of the hub.
        on_changes: called with number, topic and key of changes by any process.
        on_snapshot: called with a snapshot of the hub's activity, and the time of its request by the
            monotonic clock. All changes up to this time have been reported.
        on_missed: called when changes may have been missed, so that all caches are stale.
    """

    def __init__(
        self,
        store: Store,
        settings: HubSettings,
        on_changes: Callable[[list[tuple[int, str, str]]], None],
        on_snapshot: Callable[[ActivitySnapshot, float], None] = lambda *_: None,
        on_missed: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._on_changes = on_changes
        self._on_snapshot = on_snapshot
        self._on_missed = on_missed
        self._until: float | None = None
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._snapshot: ActivitySnapshot | None = None
        self._version: int | None = None

    async def join(self) -> None:
        """Register this process, and take over from dead processes of this machine.

        Raises:
            StartError: a hub process on another machine or in a container has the same host name, or one of
                several processes listens on a Unix socket.
        """
        host, dead = self._settings.host, await wait_for_hostname_conflicts(self._store, self._settings)

        def work(tx: Transaction) -> None:
            for hub in tx.hub_processes.list():
                if has_conflicting_hostname(hub, host) and dead.get(hub.id) != hub.seen:
                    raise hostname_conflict(host)
                if hub.id in dead or _has_ended_locally(hub, host):
                    log.info("hub process %s is gone: taking over its operations", hub.pid)
                    tx.hub_processes.leave(hub.id)
            _check_sockets(other_hubs(tx, self._settings), self._settings)
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
        """Return the other live hub processes, as they are stored."""
        return await self._store.read(lambda tx: other_hubs(tx, self._settings))

    async def leave(self) -> None:
        """Unregister this process."""
        await self._store.write(lambda tx: tx.hub_processes.leave(self._settings.hub_id))

    async def send_heartbeats(self) -> None:
        """Store heartbeats until cancelled."""
        await repeat(
            self._send_heartbeat,
            self._settings.lease / HEARTBEATS_PER_LEASE,
            "cannot store a heartbeat",
            log,
        )

    async def _send_heartbeat(self) -> None:
        await self._store.write(self._store_heartbeat)

    def _store_heartbeat(self, tx: Transaction) -> None:
        if not tx.hub_processes.send_heartbeat(self._settings.hub_id):
            self._enter(tx)

    async def poll_changes(self) -> None:
        """Report changes and activity of all processes until cancelled."""
        await repeat(
            self.poll_changes_once, CHANGE_FEED_SECONDS, "cannot read changes by other processes", log
        )

    async def poll_changes_once(self) -> None:
        """Report changes by other processes and the hub's activity, read by one query."""
        # The clock of the database counts: this machine's clock may stop while it sleeps.
        begin, until, alive = time.monotonic(), self._until, ALIVE_LEASES * self._settings.lease
        # Leases of open operations end without a commit.
        before = None if self._snapshot is None or self._snapshot.open_operations else self._snapshot
        found, self._version = await self._store.read_if_changed(
            lambda tx: _read_changes(tx, until, alive), self._version if before else None
        )
        if before and not found:
            self._read_until(time.time())  # only SQLite can tell that nothing was committed
            self._on_snapshot(before, begin)
        elif found:
            self._report(found, begin)

    def _read_until(self, now: float) -> None:
        """Note the time of a poll; after a long pause, changes may have been missed."""
        until, self._until = self._until, now
        if until is not None and abs(now - until) > CHANGE_FEED_WINDOW:
            log.warning("no contact with other processes for %d s: discarding all caches", now - until)
            self._on_missed()

    def _report(self, found: _Changes, begin: float) -> None:
        self._read_until(found.activity_snapshot.at)
        self._snapshot = found.activity_snapshot
        fresh = [(number, topic, key) for number, topic, key in found.changes if number not in self._seen]
        for number, *_ in fresh:
            self._seen[number] = None
        while len(self._seen) > len(found.changes):
            self._seen.popitem(last=False)
        if fresh:
            self._on_changes(fresh)
        self._on_snapshot(found.activity_snapshot, begin)

    async def run_housekeeping(self) -> None:
        """Delete expired records until cancelled."""
        await repeat(self._purge, HOUSEKEEPING_SECONDS, "cannot delete expired records", log)

    async def _purge(self) -> None:
        await self._store.write(self._purge_records)

    def _purge_records(self, tx: Transaction) -> None:
        if not tx.leases.acquire("housekeeping", self._settings.hub_id, HOUSEKEEPING_SECONDS):
            return
        tx.tokens.purge()
        tx.sessions.purge()
        tx.shares.purge()
        tx.audit.purge(utcnow() - timedelta(days=self._settings.audit_days))
        tx.runs.end_abandoned()
        tx.runs.purge(tx.now() - self._settings.usage_days * DAY)
        tx.changes.purge(tx.now() - KEEP_CHANGES_SECONDS)
        tx.operations.purge(tx.now() - KEEP_OPERATIONS_SECONDS)
        now = tx.now()
        tx.login_attempts.purge(now - IDLE_COUNT_SECONDS, now - KNOWN_PAIR_SECONDS, MOST_LOGIN_TRIES)
        for hub in tx.hub_processes.list():
            if hub.seen < tx.now() - GONE_LEASES * self._settings.lease:
                tx.hub_processes.leave(hub.id)


@dataclass(frozen=True, slots=True)
class _Changes:
    """Recent changes, each with number, topic and key, and the hub's activity."""

    changes: list[tuple[int, str, str]]
    activity_snapshot: ActivitySnapshot


def _read_changes(tx: Transaction, until: float | None, alive_seconds: float) -> _Changes:
    activity_snapshot = tx.activity_snapshot(alive_seconds)
    since = activity_snapshot.at if until is None else min(activity_snapshot.at, until)
    return _Changes(tx.changes.since(since - CHANGE_FEED_WINDOW), activity_snapshot)


def machines_of(hubs: Iterable[HubProcess], settings: HubSettings) -> Machines:
    """Return the machines of the hub processes and of the proxy.

    Args:
        hubs: the live processes, as they are stored.
        settings: settings of this process.
    """
    return Machines(settings.proxy_host, frozenset(hub.host for hub in hubs))


def live_hubs(tx: Transaction, lease: float) -> list[HubProcess]:
    """Return the live hub processes, as they are stored.

    Args:
        tx: the transaction.
        lease: seconds for which a heartbeat is valid.
    """
    since = tx.now() - ALIVE_LEASES * lease
    return [hub for hub in tx.hub_processes.list() if hub.seen >= since]


def has_ended_here(hub: HubProcess) -> bool:
    """Return whether a process of this boot and PID namespace has ended, although its heartbeat is recent."""
    if not hub.space or hub.space != process_space():
        return False
    found = ProcessIdentity.of(hub.pid)
    return found is None or found.ticks != hub.birth or not found.is_running()


def other_hubs(tx: Transaction, settings: HubSettings) -> list[HubProcess]:
    """Return the other live hub processes, as they are stored.

    Processes of this machine that have ended are left out, even if their heartbeat is recent.
    """
    others = (hub for hub in live_hubs(tx, settings.lease) if hub.id != settings.hub_id)
    return [hub for hub in others if not _has_ended_locally(hub, settings.host)]


def live_backends(tx: Transaction, lease: float) -> frozenset[tuple[str, str]] | None:
    """Return spawner and machine for each spawner of the live hub processes.

    Args:
        tx: the transaction.
        lease: seconds for which a heartbeat is valid.

    Returns:
        None when a process of an older version does not report its spawners.
    """
    live = live_hubs(tx, lease)
    found: set[tuple[str, str]] = set()
    for hub in live:
        if hub.backends is None:
            return None
        found |= {(backend, hub.host) for backend in hub.backends}
    return frozenset(found)


def _check_sockets(others: Iterable[HubProcess], settings: HubSettings) -> None:
    """Refuse a second process of a hub at a Unix socket: proxies share requests among network addresses.

    Raises:
        StartError: one of the processes listens on a Unix socket, and there are several.
    """
    for other in others:
        if is_unix_socket_url(other.url) or is_unix_socket_url(settings.hub_url):
            raise StartError(
                f"another process of this hub runs on machine {other.host} (pid {other.pid}), and several "
                "processes cannot use a Unix socket (c.JupyterHub.hub_bind_url)",
                hint="stop the other process, or give each process a network address (JupyterHub.hub_ip and "
                "hub_port)",
                exit_code=RETRY,
            )


def _has_ended_locally(hub: HubProcess, host: str) -> bool:
    """Return whether a process of this machine has ended; for other machines only heartbeats can tell."""
    here = hub.host == host and not has_conflicting_hostname(hub, host)
    return bool(here and _birth(hub.pid) != hub.birth)


def _birth(pid: int) -> float:
    """Return when a process began; 0 when there is none."""
    process = ProcessIdentity.of(pid)
    return 0.0 if process is None else process.ticks
