"""Starting, finding and ending the processes of services on this machine. What may block runs in threads."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from pathlib import Path
from typing import Final

import psutil

from plughub.classes.processes.detached import end, last_lines, launch, trim
from plughub.classes.processes.identity import ProcessIdentity, start_of
from plughub.domain.secrets import scrub
from plughub.domain.services import ServiceDeclaration
from plughub.domain.timings import STOP_SERVICE_SECONDS
from plughub.services.hub_services.environment import LAUNCH, MARK, SERVICE, service_environment, with_token
from plughub.services.settings import HubSettings

log = logging.getLogger("plughub.services")
LOG_LINES: Final = 5
LONGEST_LINE: Final = 300


class Launcher:
    """Starts, finds and ends the processes of services.

    Args:
        settings: of the hub.
        folder: for their logs; made when missing.
        key: secret of the hub, so that a digest of settings tells nothing about them.
    """

    def __init__(self, settings: HubSettings, folder: Path, key: bytes) -> None:
        self._settings = settings
        self._folder = folder
        self._key = key

    def digest(self, service: ServiceDeclaration) -> str:
        """Sum all up that a service is started with; what runs with another sum is started anew.

        Args:
            service: the service.

        Returns:
            64 hexadecimal digits.

        Raises:
            KeyError: there is no such system user.
        """
        environment = service_environment(self._settings, service)
        facts = [service.command, service.cwd, service.user, service.api_token, environment]
        return hmac.new(self._key, json.dumps(facts, sort_keys=True).encode(), hashlib.sha256).hexdigest()

    async def launch(self, service: ServiceDeclaration, number: str, token: str) -> ProcessIdentity:
        """Start a service.

        Args:
            service: the service.
            number: id of this start.
            token: of the service.

        Returns:
            The process, which may have ended already.

        Raises:
            OSError: it cannot be started.
            KeyError: there is no such system user.
        """
        return await asyncio.to_thread(self._launch, service, number, token)

    def _launch(self, service: ServiceDeclaration, number: str, token: str) -> ProcessIdentity:
        environment = {**self._certificates(service), **service_environment(self._settings, service)}
        marks = {MARK: self._settings.mark, LAUNCH: number, SERVICE: service.name}
        home = environment.get("HOME", "/") if service.user else "."
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return launch(
            service.command,
            log=self.log_of(service.name),
            cwd=Path(service.cwd or home).absolute(),
            environment=with_token(environment, token, marks),
            user=service.user,
        )

    def _certificates(self, service: ServiceDeclaration) -> dict[str, str]:
        return self._settings.service_tls(service).environment if self._settings.service_tls else {}

    async def end(self, process: ProcessIdentity) -> None:
        """End a process and all that it started, gently at first.

        Args:
            process: the process.
        """
        try:
            await asyncio.to_thread(end, process, timeout=STOP_SERVICE_SECONDS)
        except (TimeoutError, OSError) as error:
            log.error("%s", error)

    async def find(self) -> dict[str, ProcessIdentity]:
        """Find what hubs with this one's mark have started as services on this machine.

        Returns:
            The processes by id of their start.
        """
        return await asyncio.to_thread(_marked, self._settings.mark)

    def log_of(self, name: str) -> Path:
        """Give the file for what a service writes."""
        return self._folder / f"{name}.log"

    def keep_short(self, name: str) -> None:
        """Begin the log of a service anew when it has grown."""
        trim(self.log_of(name))

    async def last_words(self, name: str) -> str:
        """Read the last lines that a service wrote.

        Args:
            name: of the service.

        Returns:
            The lines, without secrets, for the log of the hub.
        """
        lines = await asyncio.to_thread(last_lines, self.log_of(name), LOG_LINES)
        return "".join(f"\n    {scrub(line[:LONGEST_LINE])}" for line in lines)


def _marked(mark: str) -> dict[str, ProcessIdentity]:
    """Find processes by their marks; of a family, which has the marks in common, the one on top."""
    found: dict[int, str] = {}
    for pid in psutil.pids():
        try:
            environment = psutil.Process(pid).environ()
        except (psutil.Error, OSError):
            continue
        if environment.get(MARK) == mark and environment.get(SERVICE) and environment.get(LAUNCH):
            found[pid] = environment[LAUNCH]
    tops: dict[str, ProcessIdentity] = {}
    for pid, number in found.items():
        started = start_of(pid)
        if started is not None and found.get(_parent(pid)) != number:
            tops[number] = ProcessIdentity(pid, started)
    return tops


def _parent(pid: int) -> int:
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return 0
