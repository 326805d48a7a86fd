"""Whether services that listen somewhere answer: shown in the log and on the health page."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping

from plughub.classes.processes.identity import ProcessIdentity
from plughub.classes.processes.listeners import owner_of, owns_address, process_family
from plughub.domain.errors import HubError
from plughub.domain.scopes import ScopeCoverage
from plughub.domain.services import Service, ServiceLife
from plughub.domain.timings import SERVICE_CHECK_IDLE_SECONDS, SERVICE_POLL_SECONDS, SILENT_SERVICE_SECONDS
from plughub.domain.urls import service_url
from plughub.services.coordination.background_loops import news
from plughub.services.coordination.leases import Leadership
from plughub.services.probe import answers
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.services")


class ServiceChecks:
    """Asks services whether they answer; those that the hub started are led to once they have.

    Args:
        store: the storage.
        settings: of the hub.
    """

    def __init__(self, store: Store, settings: HubSettings) -> None:
        self._store = store
        self._settings = settings
        self._lead = Leadership(store, settings, "service-checks")
        self._lead_here = Leadership(store, settings, f"service-checks@{settings.host}")
        self._since: dict[tuple[str, ...], float] = {}
        self._due: dict[tuple[str, ...], float] = {}
        self._seen: tuple[Service, ...] = ()
        self._wake = asyncio.Event()
        self._waits = False

    def pages(self) -> tuple[Service, ...]:
        """Give the services that pages list, as they were a moment ago; it asks nobody."""
        return tuple(service for service in self._seen if service.display)

    def changed(self, changes: Iterable[tuple[str, str]]) -> None:
        """Look at once when services changed.

        Args:
            changes: topic and key of each.
        """
        if any(topic == "service" for topic, _ in changes):
            self._wake.set()

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            try:
                await self.look()
            except HubError as error:
                log.warning("cannot look whether services answer: %s", error)
            await news(self._wake, self._until_next())

    def _until_next(self) -> float:
        """Tell how long nobody's turn comes, in seconds."""
        if self._waits:
            return SERVICE_POLL_SECONDS
        until = min(self._due.values(), default=float("inf")) - time.monotonic()
        return min(SERVICE_CHECK_IDLE_SECONDS, max(SERVICE_POLL_SECONDS, until))

    async def look(self) -> None:
        """Ask those whose turn it is; one that is new or was started anew is due at once."""
        services, lives = await self._store.read(_web_services)
        self._seen = tuple(services)
        lives = {
            service.name: lives.get(service.name) or ServiceLife(name=service.name) for service in services
        }
        asked = [service for service in services if self._can_ask(service, lives[service.name])]
        tries = {self._key(service, lives): service for service in asked}
        self._since = {key: at for key, at in self._since.items() if key in tries}
        self._due = {key: at for key, at in self._due.items() if key in tries}
        now = time.monotonic()
        due = {key: service for key, service in tries.items() if self._due.get(key, 0) <= now}
        self._waits = bool(due)
        for lead, started in ((self._lead, False), (self._lead_here, True)):
            theirs = {key: service for key, service in due.items() if bool(service.command) == started}
            if theirs and await lead.take():
                before = [lives[service.name] for service in theirs.values()]
                await asyncio.gather(*map(self._ask, theirs, theirs.values(), before))
                self._waits = any(key not in self._due for key in due)

    def _can_ask(self, service: Service, life: ServiceLife) -> bool:
        """Tell whether this process can ask a service: who listens is known on its own machine alone."""
        return not service.command or life.host in {"", self._settings.host}

    def _key(self, service: Service, lives: Mapping[str, ServiceLife]) -> tuple[str, ...]:
        return service.name, service.url, lives[service.name].launch

    async def _ask(self, key: tuple[str, ...], service: Service, life: ServiceLife) -> None:
        if service.command and not life.launch:
            return
        well = await answers(
            service.target,
            service_url(self._settings.base_url, service.name),
            context=self._settings.tls,
        )
        if well and not await self._is_ours(service, life):
            well = False
            await self._store.write(lambda tx: tx.service_lives.withdraw(life.name, life.launch))
        now = time.monotonic()
        since = self._since.setdefault(key, now)
        patient = not well and life.answers is None and now - since < service.timeout
        self._due[key] = now + self._pause(well=well, patient=patient)
        if well != life.answers and not patient:
            await self._note(service, life, well=well)

    async def _is_ours(self, service: Service, life: ServiceLife) -> bool:
        """Tell whether a service that the hub started listens itself.

        One that others run is trusted at its address.
        """
        if not service.command:
            return True
        if life.pid is None:
            return False
        process = ProcessIdentity(life.pid, life.started)
        try:
            ours = await asyncio.to_thread(_listens, process, service.target)
        except OSError as error:
            log.warning("it is unknown who listens at %s: %s", service.target, error)
            return False
        if not ours:
            log.warning("another process than service %s listens at %s", service.name, service.target)
        return ours

    def _pause(self, *, well: bool, patient: bool) -> float:
        interval = self._settings.service_check_interval
        return (
            interval if well else SERVICE_POLL_SECONDS if patient else min(interval, SILENT_SERVICE_SECONDS)
        )

    async def _note(self, service: Service, life: ServiceLife, *, well: bool) -> None:
        # What was asked may have ended, and another one of it begun, while it was asked.
        name, launch = life.name, life.launch
        if not await self._store.write(lambda tx: tx.service_lives.answers(name, launch, well=well)):
            return
        if well:
            log.info("service %s answers at %s", service.name, service.url)
        elif life.answers is None:
            log.warning(
                "service %s does not answer at %s after %d s", service.name, service.url, service.timeout
            )
        else:
            log.warning("service %s does not answer at %s any more", service.name, service.url)


def _listens(process: ProcessIdentity, url: str) -> bool:
    return process.is_running() and owns_address(
        url, process_family(process.pid), uid=owner_of(process.pid) or None
    )


def _web_services(tx: Transaction) -> tuple[list[Service], dict[str, ServiceLife]]:
    web = [service for service in tx.services.within(ScopeCoverage(everything=True)) if service.url]
    return web, {life.name: life for life in tx.service_lives.all()} if web else {}


def service_states(tx: Transaction) -> list[tuple[Service, str]]:
    """Tell how services are that the hub starts or that listen somewhere.

    Args:
        tx: the transaction.

    Returns:
        Each with ``answers``, ``silent``, ``running``, ``stopped``, or ``unknown`` before it was asked.
    """
    lives = {life.name: life for life in tx.service_lives.all()}
    return [
        (service, _state(service, lives.get(service.name)))
        for service in tx.services.within(ScopeCoverage(everything=True))
        if service.url or service.command
    ]


def _state(service: Service, life: ServiceLife | None) -> str:
    if service.command and service.pid is None:
        return "stopped"
    if not service.url:
        return "running"
    if life is None or life.answers is None:
        return "unknown"
    return "answers" if life.answers else "silent"
