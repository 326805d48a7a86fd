"""Services that the hub starts: each runs once, whichever of the hub's processes see to it.

The process that holds the lease sees to all of them. What it is about to start is written down first,
and each process bears the id of its start: the next hub knows what it finds, and goes on with it or ends it.
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
class _Seen:
    """What stands in the database: whether the services are ours to see to, and what is known of them."""

    until: float
    mine: bool
    elsewhere: bool
    services: Mapping[str, Service]
    lives: Mapping[str, ServiceLife]
    now: float


@dataclass(slots=True)
class _Trouble:
    """How often a service died soon after its start, and when it is tried again."""

    deaths: int = 0
    launch: str = ""
    again: float = field(default=0.0)


class ManagedServices:
    """Starts, watches and stops the services that have a command.

    Args:
        store: the storage.
        settings: of the hub.
        launcher: for their processes.
        declared: the services of the config file.
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
        self._trouble: dict[str, _Trouble] = {}
        self._held = Lease()
        self._busy = asyncio.Lock()
        self._closing = False
        self._tidied = ""

    async def run(self) -> None:
        """See to the services for ever."""
        pause = SERVICE_POLL_SECONDS if self._declared else NO_SERVICES_SECONDS
        await repeat(self.look, pause, "cannot see to the services", log)

    async def look(self) -> None:
        """Start what should run and does not, end what runs and should not, when it is ours to do."""
        async with self._busy:
            if self._closing:
                return
            seen = await self._store.write(self._see)
            self._held.until = seen.until
            await self._tidy_up(seen)
            if not seen.mine:
                return
            wanted = [self._declared[name] for name in self._declared if _is_managed(seen.services.get(name))]
            names = {service.name for service in wanted}
            await asyncio.gather(
                *(self._tend(service, seen.lives.get(service.name), seen.now) for service in wanted),
                *(self._drop(life) for life in seen.lives.values() if self._is_over(life, names, seen)),
            )

    async def stop(self) -> None:
        """End the services that run here, unless another process of the hub goes on here."""
        async with self._busy:
            self._closing = True
            lives = await self._store.read(self._left_behind)
            if lives:
                log.info("stopping %d services", len(lives))
            await asyncio.gather(*map(self._drop, lives))

    # ---- what is there

    def _see(self, tx: Transaction) -> _Seen:
        mine = tx.leases.hold(LEASE, self._settings.hub_id, self._settings.lease)
        holder = self._settings.hub_id if mine else tx.leases.holders().get(LEASE, "")
        hosts = {hub.id: hub.host for hub in tx.hub_processes.list()}
        return _Seen(
            until=tx.begun + self._settings.lease if mine else 0.0,
            mine=mine,
            elsewhere=not mine and hosts.get(holder, self._settings.host) != self._settings.host,
            services={
                service.name: service for service in tx.services.within(ScopeCoverage(everything=True))
            },
            lives={life.name: life for life in tx.service_lives.all()},
            now=tx.now(),
        )

    def _left_behind(self, tx: Transaction) -> list[ServiceLife]:
        """List what runs here and nobody would see to; who was killed here a moment ago sees to nothing."""
        host = self._settings.host
        if any(hub.host == host for hub in other_hubs(tx, self._settings)):
            return []
        return [life for life in tx.service_lives.all() if life.launch and life.host == host]

    def _is_over(self, life: ServiceLife, managed: Collection[str], seen: _Seen) -> bool:
        """Tell whether a service is to be ended: it is not there any more, or not to be started."""
        service = seen.services.get(life.name)
        if service is None:
            return True
        return bool(life.launch) and life.name not in managed and not service.command

    async def _tidy_up(self, seen: _Seen) -> None:
        """End what a dead hub has left here, once the services are ours, or somebody's on another machine."""
        whose = "ours" if seen.mine else "of another machine" if seen.elsewhere else "of another process"
        if whose != self._tidied and (seen.mine or seen.elsewhere):
            await self._end_unknown()
        self._tidied = whose

    async def _end_unknown(self) -> None:
        found = await self._launcher.find()
        # A start is written down before it is made: what is unknown by now was never to run.
        seen = await self._store.write(self._see)
        known = {life.launch for life in seen.lives.values() if not seen.elsewhere}
        for number, process in found.items():
            if number not in known:
                log.warning("a service was left running by start %s: stopping it", number)
                await self._launcher.end(process)

    # ---- one service

    async def _tend(self, service: ServiceDeclaration, life: ServiceLife | None, now: float) -> None:
        try:
            await self._see_to(service, life, now)
        except (OSError, KeyError, ValueError, SubprocessError, HubError) as error:
            self._failed(service, f"cannot be started: {error}")
        except Exception as error:
            log.exception("service %s cannot be seen to", service.name)
            self._failed(service, f"cannot be seen to: {type(error).__name__}")

    async def _see_to(self, service: ServiceDeclaration, life: ServiceLife | None, now: float) -> None:
        if life is None or not life.launch or life.host != self._settings.host:
            if self._may_try(service.name):
                await self._start(service)
            return
        process = _process_of(life) or await self._recover(life)
        if process is None or not process.is_running():
            await self._died(service, life, now - life.since)
        elif life.digest != self._launcher.digest(service):
            log.info("service %s is started anew: its settings have changed", service.name)
            if self._held.sure:
                await self._launcher.end(process)
                await self._start(service)
        else:
            self._launcher.keep_short(service.name)

    async def _recover(self, life: ServiceLife) -> ProcessIdentity | None:
        """Find the process of a start that was written down and not finished."""
        process = (await self._launcher.find()).get(life.launch)
        if process is not None:
            await self._store.write(
                lambda tx: tx.service_lives.launched(life.name, life.launch, process.pid, process.started)
            )
        return process

    async def _start(self, service: ServiceDeclaration) -> None:
        number, token, digest = (
            uuid.uuid4().hex,
            service.api_token or new_token(),
            self._launcher.digest(service),
        )

        def intend(tx: Transaction) -> float:
            stored = tx.services.get(service.name)
            if stored is None or not tx.leases.hold(LEASE, self._settings.hub_id, self._settings.lease):
                return 0.0
            if not service.api_token:
                renew_token(tx, stored, token)
            tx.service_lives.launching(service.name, host=self._settings.host, launch=number, digest=digest)
            return tx.begun + self._settings.lease

        if not (until := await self._store.write(intend)):
            return
        self._held.until = until
        try:
            process = await self._launch(service, number, token)
        except (OSError, KeyError, ValueError, HubError):
            await self._store.write(lambda tx: tx.service_lives.ended(service.name, number))
            raise
        noted = await self._store.write(
            lambda tx: tx.service_lives.launched(service.name, number, process.pid, process.started)
        )
        if noted:
            log.info("service %s is started: process %s", service.name, process.pid)
        else:
            log.warning("service %s was started by another hub meanwhile", service.name)
            await self._launcher.end(process)

    async def _launch(self, service: ServiceDeclaration, number: str, token: str) -> ProcessIdentity:
        if not self._held.sure:  # this process may have been stopped since that was written
            raise UnavailableError(f"service {service.name} may be another hub's now")
        return await self._launcher.launch(service, number, token)

    async def _died(self, service: ServiceDeclaration, life: ServiceLife, lived: float) -> None:
        """Start a service again, after a pause when it died soon after its start."""
        trouble = self._trouble.setdefault(service.name, _Trouble())
        if trouble.launch != life.launch:
            words = await self._launcher.last_words(service.name)
            if lived >= STEADY_SERVICE_SECONDS:
                trouble.deaths = 0
            trouble.launch = life.launch
            pause = self._put_off(trouble)
            log.warning("service %s ended and is started again in %d s%s", service.name, pause, words)
        if self._may_try(service.name):
            await self._start(service)
        else:  # its port is free for any process now
            await self._store.write(lambda tx: tx.service_lives.withdraw(life.name, life.launch))

    def _failed(self, service: ServiceDeclaration, reason: str) -> None:
        pause = self._put_off(self._trouble.setdefault(service.name, _Trouble()))
        log.error("service %s %s; it is tried again in %d s", service.name, reason, pause)

    def _put_off(self, trouble: _Trouble) -> float:
        pause = SERVICE_BACKOFF.after(trouble.deaths)
        trouble.deaths += 1
        trouble.again = monotonic() + pause
        return pause

    def _may_try(self, name: str) -> bool:
        trouble = self._trouble.get(name)
        return trouble is None or trouble.again <= monotonic()

    async def _drop(self, life: ServiceLife) -> None:
        """End a service for good; where that fails, the next look tries again."""
        try:
            await self._end(life)
        except HubError as error:
            log.warning("service %s cannot be ended: %s", life.name, error)
        except Exception:
            log.exception("service %s cannot be ended", life.name)

    async def _end(self, life: ServiceLife) -> None:
        if life.launch and life.host == self._settings.host:
            process = _process_of(life) or (await self._launcher.find()).get(life.launch)
            if process is not None and process.is_running():
                await self._launcher.end(process)
                log.info("service %s is stopped", life.name)
        self._trouble.pop(life.name, None)
        await self._store.write(lambda tx: tx.service_lives.forget(life.name, life.launch))


def _is_managed(service: Service | None) -> bool:
    return service is not None and service.from_config and bool(service.command)


def _process_of(life: ServiceLife) -> ProcessIdentity | None:
    return ProcessIdentity(life.pid, life.started) if life.pid is not None else None
