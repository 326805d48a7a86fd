"""Managed services: each runs once, on one machine, for all hub processes.

The process that holds the lease manages all of them. Each start is stored before it is executed, and
each process bears the id of its start, so that the next hub can adopt or stop the processes it finds.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from subprocess import SubprocessError
from time import monotonic
from typing import Final

from plughub.classes.processes.identity import ProcessIdentity
from plughub.domain.errors import HubError, UnavailableError
from plughub.domain.scopes import ScopeCoverage
from plughub.domain.services import Service, ServiceDeclaration, ServiceLife
from plughub.domain.timings import (
    NO_SERVICES_SECONDS,
    SERVICE_BACKOFF,
    SERVICE_POLL_SECONDS,
    STEADY_SERVICE_SECONDS,
)
from plughub.domain.tokens import new_token
from plughub.services.coordination.background_loops import repeat
from plughub.services.coordination.hub_registry import other_hubs
from plughub.services.coordination.leases import Lease
from plughub.services.hub_services.launcher import Launcher
from plughub.services.hub_services.registration import renew_token
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.services")
LEASE: Final = "services"


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredState:
    """Stored state: the holder of the lease, the services, and their last starts."""

    until: float
    is_leader: bool
    elsewhere: bool
    services: Mapping[str, Service]
    lives: Mapping[str, ServiceLife]
    now: float


@dataclass(slots=True)
class _Failures:
    """Failures soon after a start, and when the next attempt is due."""

    count: int = 0
    launch: str = ""
    retry_at: float = field(default=0.0)


class ManagedServices:
    """Starts, monitors and stops the services that have a command.

    Args:
        store: the storage.
        settings: settings of the hub.
        launcher: starts and stops their processes.
        declared: services from the config file.
    """

    def __init__(
        self,
        store: Store,
        settings: HubSettings,
        launcher: Launcher,
        declared: Collection[ServiceDeclaration],
    ) -> None:
        self._store = store
        self._settings = settings
        self._launcher = launcher
        self._declared = {service.name: service for service in declared if service.command}
        self._failures: dict[str, _Failures] = {}
        self._lease = Lease()
        self._busy = asyncio.Lock()
        self._is_closing = False
        self._checked_manager = ""

    async def run(self) -> None:
        """Manage the services until cancelled."""
        pause = SERVICE_POLL_SECONDS if self._declared else NO_SERVICES_SECONDS
        await repeat(self.run_once, pause, "cannot manage services", log)

    async def run_once(self) -> None:
        """Start missing services and stop surplus ones, if this process holds the lease."""
        async with self._busy:
            if self._is_closing:
                return
            state = await self._store.write(self._read_state)
            self._lease.until = state.until
            await self._check_orphans(state)
            if not state.is_leader:
                return
            wanted = [
                self._declared[name] for name in self._declared if _is_managed(state.services.get(name))
            ]
            names = {service.name for service in wanted}
            await asyncio.gather(
                *(self._manage(service, state.lives.get(service.name), state.now) for service in wanted),
                *(self._remove(life) for life in state.lives.values() if self._must_end(life, names, state)),
            )

    async def stop(self) -> None:
        """Stop the services on this machine, unless another hub process of this machine continues."""
        async with self._busy:
            self._is_closing = True
            lives = await self._store.read(self._unattended)
            if lives:
                log.info("stopping %d services", len(lives))
            await asyncio.gather(*map(self._remove, lives))

    # ---- state

    def _read_state(self, tx: Transaction) -> _StoredState:
        is_leader = tx.leases.acquire(LEASE, self._settings.hub_id, self._settings.lease)
        holder = self._settings.hub_id if is_leader else tx.leases.holders().get(LEASE, "")
        hosts = {hub.id: hub.host for hub in tx.hub_processes.list()}
        return _StoredState(
            until=tx.begun + self._settings.lease if is_leader else 0.0,
            is_leader=is_leader,
            elsewhere=not is_leader and hosts.get(holder, self._settings.host) != self._settings.host,
            services={
                service.name: service for service in tx.services.within(ScopeCoverage(everything=True))
            },
            lives={life.name: life for life in tx.service_lives.all()},
            now=tx.now(),
        )

    def _unattended(self, tx: Transaction) -> list[ServiceLife]:
        """Return the services that no live hub process on this machine would manage."""
        host = self._settings.host
        if any(hub.host == host for hub in other_hubs(tx, self._settings)):
            return []
        return [life for life in tx.service_lives.all() if life.launch and life.host == host]

    def _must_end(self, life: ServiceLife, managed: Collection[str], state: _StoredState) -> bool:
        """Return whether a service must be stopped: it was deleted, or has no command any more."""
        service = state.services.get(life.name)
        if service is None:
            return True
        return bool(life.launch) and life.name not in managed and not service.command

    async def _check_orphans(self, state: _StoredState) -> None:
        """Stop orphaned services when the lease moves to this process or to another machine."""
        manager = "this process" if state.is_leader else "machine" if state.elsewhere else "process"
        if manager != self._checked_manager and (state.is_leader or state.elsewhere):
            await self._end_orphans()
        self._checked_manager = manager

    async def _end_orphans(self) -> None:
        found = await self._launcher.find_processes()
        # A start is stored before it is executed: an unknown process is an orphan.
        state = await self._store.write(self._read_state)
        known = {life.launch for life in state.lives.values() if not state.elsewhere}
        for launch_id, process in found.items():
            if launch_id not in known:
                log.warning(
                    "a service was left running by start %s: stopping process %d", launch_id, process.pid
                )
                await self._launcher.stop(process)

    # ---- one service

    async def _manage(self, service: ServiceDeclaration, life: ServiceLife | None, now: float) -> None:
        try:
            await self._reconcile(service, life, now)
        except (OSError, KeyError, ValueError, SubprocessError, HubError) as error:
            self._failed(service, f"cannot be started: {error}")
        except Exception as error:
            log.exception("cannot manage service %s", service.name)
            self._failed(service, f"cannot be managed: {type(error).__name__}")

    async def _reconcile(self, service: ServiceDeclaration, life: ServiceLife | None, now: float) -> None:
        is_requested = life is not None and not life.digest
        if is_requested:  # by an administrator, who does not wait for the next attempt
            self._failures.pop(service.name, None)
        if life is None or not life.launch or life.host != self._settings.host:
            if self._is_retry_due(service.name):
                await self._start(service)
            return
        process = _process_of(life) or await self._recover(life)
        if process is None or not process.is_running():
            await self._start(service) if is_requested else await self._restart(
                service, life, now - life.since
            )
        elif life.digest != self._launcher.digest(service):
            reason = "its settings have changed" if life.digest else "an administrator requested it"
            log.info("restarting service %s: %s", service.name, reason)
            if self._lease.is_held:
                await self._launcher.stop(process)
                await self._start(service)
        else:
            self._launcher.trim_log(service.name)

    async def _recover(self, life: ServiceLife) -> ProcessIdentity | None:
        """Find the process of a start that was stored but not completed."""
        process = (await self._launcher.find_processes()).get(life.launch)
        if process is not None:
            await self._store.write(
                lambda tx: tx.service_lives.record_process(
                    life.name, life.launch, process.pid, process.started
                )
            )
        return process

    async def _start(self, service: ServiceDeclaration) -> None:
        launch_id, token, digest = (
            uuid.uuid4().hex,
            service.api_token or new_token(),
            self._launcher.digest(service),
        )

        def store_launch(tx: Transaction) -> float:
            stored = tx.services.get(service.name)
            if stored is None or not tx.leases.acquire(LEASE, self._settings.hub_id, self._settings.lease):
                return 0.0
            if not service.api_token:
                renew_token(tx, stored, token)
            tx.service_lives.record_launch(
                service.name, host=self._settings.host, launch=launch_id, digest=digest
            )
            return tx.begun + self._settings.lease

        if not (until := await self._store.write(store_launch)):
            return
        self._lease.until = until
        try:
            process = await self._launch(service, launch_id, token)
        except (OSError, KeyError, ValueError, HubError):
            await self._store.write(lambda tx: tx.service_lives.mark_ended(service.name, launch_id))
            raise
        is_stored = await self._store.write(
            lambda tx: tx.service_lives.record_process(service.name, launch_id, process.pid, process.started)
        )
        if is_stored:
            log.info("started service %s as process %s", service.name, process.pid)
        else:
            log.warning("another hub process has started service %s in the meantime", service.name)
            await self._launcher.stop(process)

    async def _launch(self, service: ServiceDeclaration, launch_id: str, token: str) -> ProcessIdentity:
        if not self._lease.is_held:  # this process may have been suspended in the meantime
            raise UnavailableError(f"another hub process may have taken over service {service.name}")
        return await self._launcher.launch(service, launch_id, token)

    async def _restart(self, service: ServiceDeclaration, life: ServiceLife, uptime: float) -> None:
        """Restart a service, with a delay when it ended soon after its start."""
        failures = self._failures.setdefault(service.name, _Failures())
        if failures.launch != life.launch:
            words = await self._launcher.last_log_lines(service.name)
            if uptime >= STEADY_SERVICE_SECONDS:
                failures.count = 0
            failures.launch = life.launch
            pause = self._delay_retry(failures)
            log.warning("service %s ended; restarting it in %d s%s", service.name, pause, words)
        if self._is_retry_due(service.name):
            await self._start(service)
            return

        def store_end(tx: Transaction) -> None:
            tx.service_lives.withdraw_route(life.name, life.launch)  # any process may take its port now
            tx.service_lives.mark_ended(life.name, life.launch)

        await self._store.write(store_end)

    def _failed(self, service: ServiceDeclaration, reason: str) -> None:
        pause = self._delay_retry(self._failures.setdefault(service.name, _Failures()))
        log.error("service %s %s; retrying in %.1f s", service.name, reason, pause)

    def _delay_retry(self, failures: _Failures) -> float:
        pause = SERVICE_BACKOFF.after(failures.count)
        failures.count += 1
        failures.retry_at = monotonic() + pause
        return pause

    def _is_retry_due(self, name: str) -> bool:
        failures = self._failures.get(name)
        return failures is None or failures.retry_at <= monotonic()

    async def _remove(self, life: ServiceLife) -> None:
        """Stop a service permanently; on failure the next run retries."""
        try:
            await self._end(life)
        except HubError as error:
            log.warning("cannot stop service %s: %s", life.name, error)
        except Exception:
            log.exception("cannot stop service %s", life.name)

    async def _end(self, life: ServiceLife) -> None:
        if life.launch and life.host == self._settings.host:
            process = _process_of(life) or (await self._launcher.find_processes()).get(life.launch)
            if process is not None and process.is_running():
                await self._launcher.stop(process)
                log.info("stopped service %s", life.name)
        self._failures.pop(life.name, None)
        await self._store.write(lambda tx: tx.service_lives.forget(life.name, life.launch))


def _is_managed(service: Service | None) -> bool:
    return service is not None and service.from_config and bool(service.command)


def _process_of(life: ServiceLife) -> ProcessIdentity | None:
    return ProcessIdentity(life.pid, life.started) if life.pid is not None else None
