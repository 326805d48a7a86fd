"""Health checks of services that listen at an address."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping

from plughub.classes.processes.identity import ProcessIdentity
from plughub.classes.processes.listeners import owner_of, owns_address, process_family
from plughub.domain.errors import HubError
from plughub.domain.scopes import ScopeCoverage
from plughub.domain.services import Service, ServiceLife, ServiceState
from plughub.domain.timings import SERVICE_CHECK_IDLE_SECONDS, SERVICE_POLL_SECONDS, SILENT_SERVICE_SECONDS
from plughub.domain.urls import service_url
from plughub.services.coordination.background_loops import wait_for_event
from plughub.services.coordination.leases import Leadership
from plughub.services.probe import answers
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.services")


class ServiceChecks:
    """Checks whether services answer; a managed service gets its route once it has answered.

    Args:
        store: the storage.
        settings: settings of the hub.
    """

    def __init__(self, store: Store, settings: HubSettings) -> None:
        self._store = store
        self._settings = settings
        self._leadership = Leadership(store, settings, "service-checks")
        self._local_leadership = Leadership(store, settings, f"service-checks@{settings.host}")
        self._since: dict[tuple[str, ...], float] = {}
        self._due: dict[tuple[str, ...], float] = {}
        self._seen: tuple[Service, ...] = ()
        self._wake = asyncio.Event()
        self._is_waiting = False

    def listed_services(self) -> tuple[Service, ...]:
        """Return the services that pages list, as of the last check."""
        return tuple(service for service in self._seen if service.display)

    def changed(self, changes: Iterable[tuple[str, str]]) -> None:
        """Check at once when services changed.

        Args:
            changes: topic and key of each.
        """
        if any(topic == "service" for topic, _ in changes):
            self._wake.set()

    async def run(self) -> None:
        """Check services until cancelled."""
        while True:
            try:
                await self.run_once()
            except HubError as error:
                log.warning("cannot check services: %s", error)
            await wait_for_event(self._wake, self._until_next())

    def _until_next(self) -> float:
        """Return the seconds until the next check."""
        if self._is_waiting:
            return SERVICE_POLL_SECONDS
        until = min(self._due.values(), default=float("inf")) - time.monotonic()
        return min(SERVICE_CHECK_IDLE_SECONDS, max(SERVICE_POLL_SECONDS, until))

    async def run_once(self) -> None:
        """Check the services that are due; new and restarted ones are due at once."""
        services, lives = await self._store.read(_web_services)
        self._seen = tuple(services)
        lives = {
            service.name: lives.get(service.name) or ServiceLife(name=service.name) for service in services
        }
        checked = [service for service in services if self._can_check(service, lives[service.name])]
        tries = {self._key(service, lives): service for service in checked}
        self._since = {key: at for key, at in self._since.items() if key in tries}
        self._due = {key: at for key, at in self._due.items() if key in tries}
        now = time.monotonic()
        due = {key: service for key, service in tries.items() if self._due.get(key, 0) <= now}
        self._is_waiting = bool(due)
        for leadership, started in ((self._leadership, False), (self._local_leadership, True)):
            candidates = {key: service for key, service in due.items() if bool(service.command) == started}
            if candidates and await leadership.acquire():
                before = [lives[service.name] for service in candidates.values()]
                await asyncio.gather(*map(self._check, candidates, candidates.values(), before))
                self._is_waiting = any(key not in self._due for key in due)

    def _can_check(self, service: Service, life: ServiceLife) -> bool:
        """Return whether this process can check a service; a managed one only on its own machine."""
        return not service.command or life.host in {"", self._settings.host}

    def _key(self, service: Service, lives: Mapping[str, ServiceLife]) -> tuple[str, ...]:
        return service.name, service.url, lives[service.name].launch

    async def _check(self, key: tuple[str, ...], service: Service, life: ServiceLife) -> None:
        if service.command and not life.launch:
            return
        healthy = await answers(
            service.target,
            service_url(self._settings.base_url, service.name),
            context=self._settings.tls,
        )
        if healthy and not await self._is_ours(service, life):
            healthy = False
            await self._store.write(lambda tx: tx.service_lives.withdraw_route(life.name, life.launch))
        now = time.monotonic()
        since = self._since.setdefault(key, now)
        in_grace = not healthy and life.answers is None and now - since < service.timeout
        self._due[key] = now + self._next_interval(healthy=healthy, in_grace=in_grace)
        if healthy != life.answers and not in_grace:
            await self._store_result(service, life, healthy=healthy)

    async def _is_ours(self, service: Service, life: ServiceLife) -> bool:
        """Return whether a managed service itself listens at its address; external ones are trusted."""
        if not service.command:
            return True
        if life.pid is None:
            return False
        process = ProcessIdentity(life.pid, life.started)
        try:
            is_own = await asyncio.to_thread(_listens, process, service.target)
        except OSError as error:
            log.warning("cannot determine which process listens at %s: %s", service.target, error)
            return False
        if not is_own:
            log.warning("a process other than service %s listens at %s", service.name, service.target)
        return is_own

    def _next_interval(self, *, healthy: bool, in_grace: bool) -> float:
        interval = self._settings.service_check_interval
        return (
            interval
            if healthy
            else SERVICE_POLL_SECONDS
            if in_grace
            else min(interval, SILENT_SERVICE_SECONDS)
        )

    async def _store_result(self, service: Service, life: ServiceLife, *, healthy: bool) -> None:
        # The service may have been restarted during the check.
        name, launch = life.name, life.launch
        if not await self._store.write(
            lambda tx: tx.service_lives.record_answer(name, launch, is_healthy=healthy)
        ):
            return
        if healthy:
            log.info("service %s answers at %s", service.name, service.url)
        elif life.answers is None:
            log.warning(
                "service %s does not answer at %s after %d s", service.name, service.url, service.timeout
            )
        else:
            log.warning("service %s no longer answers at %s", service.name, service.url)


def _listens(process: ProcessIdentity, url: str) -> bool:
    return process.is_running() and owns_address(
        url, process_family(process.pid), uid=owner_of(process.pid) or None
    )


def _web_services(tx: Transaction) -> tuple[list[Service], dict[str, ServiceLife]]:
    web = [service for service in tx.services.within(ScopeCoverage(everything=True)) if service.url]
    return web, {life.name: life for life in tx.service_lives.all()} if web else {}


def service_states(tx: Transaction) -> list[tuple[Service, str]]:
    """Return managed and listening services with their states.

    Returns:
        Each with ``answers``, ``silent``, ``running``, ``stopped``, or ``unknown`` before the first check.
    """
    found = observed_services(tx, ScopeCoverage(everything=True))
    return [(observed.service, observed.state) for observed in found if observed.state]


def observed_services(tx: Transaction, within: ScopeCoverage) -> list[ServiceState]:
    """Return the services of a coverage with their observed states, by name."""
    lives = {life.name: life for life in tx.service_lives.all()}
    return [_observed(service, lives.get(service.name)) for service in tx.services.within(within)]


def _observed(service: Service, life: ServiceLife | None) -> ServiceState:
    if not service.url and not service.command:
        return ServiceState(service=service)
    since = life.since if life is not None and life.launch else 0.0
    return ServiceState(service=service, state=_state(service, life), since=since)


def _state(service: Service, life: ServiceLife | None) -> str:
    if service.command and service.pid is None:
        return "stopped"
    if not service.url:
        return "running"
    if life is None or life.answers is None:
        return "unknown"
    return "answers" if life.answers else "silent"
