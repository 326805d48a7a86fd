"""Processes of managed services on this machine. Blocking work runs in threads."""

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
    """Starts, finds and stops the processes of services.

    Args:
        settings: settings of the hub.
        folder: for their logs; created if missing.
        key: secret of the hub, so that digests reveal nothing about the settings.
    """

    def __init__(self, settings: HubSettings, folder: Path, key: bytes) -> None:
        self._settings = settings
        self._folder = folder
        self._key = key

    def digest(self, service: ServiceDeclaration) -> str:
        """Return a digest of the settings that a service is started with; a change requires a restart.

        Returns:
            64 hexadecimal digits.

        Raises:
            KeyError: there is no such system user.
        """
        environment = service_environment(self._settings, service)
        facts = [service.command, service.cwd, service.user, service.api_token, environment]
        return hmac.new(self._key, json.dumps(facts, sort_keys=True).encode(), hashlib.sha256).hexdigest()

    async def launch(self, service: ServiceDeclaration, launch_id: str, token: str) -> ProcessIdentity:
        """Start a service.

        Args:
            service: the service.
            launch_id: id of this start.
            token: token of the service.

        Returns:
            The process, which may have ended already.

        Raises:
            OSError: it cannot be started.
            KeyError: there is no such system user.
        """
        return await asyncio.to_thread(self._launch, service, launch_id, token)

    def _launch(self, service: ServiceDeclaration, launch_id: str, token: str) -> ProcessIdentity:
        environment = {**self._certificates(service), **service_environment(self._settings, service)}
        marks = {MARK: self._settings.mark, LAUNCH: launch_id, SERVICE: service.name}
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

    async def stop(self, process: ProcessIdentity) -> None:
        """Stop a process and its descendants, gracefully at first."""
        try:
            await asyncio.to_thread(end, process, timeout=STOP_SERVICE_SECONDS)
        except (TimeoutError, OSError) as error:
            log.error("%s", error)

    async def find_processes(self) -> dict[str, ProcessIdentity]:
        """Return the service processes on this machine that bear this hub's mark, by id of their start."""
        return await asyncio.to_thread(_marked, self._settings.mark)

    def log_of(self, name: str) -> Path:
        """Return the log file of a service."""
        return self._folder / f"{name}.log"

    def trim_log(self, name: str) -> None:
        """Truncate the log of a service when it has grown."""
        trim(self.log_of(name))

    async def last_log_lines(self, name: str) -> str:
        """Return the last log lines of a service, without secrets, for the log of the hub."""
        lines = await asyncio.to_thread(last_lines, self.log_of(name), LOG_LINES)
        return "".join(f"\n    {scrub(line[:LONGEST_LINE])}" for line in lines)


def _marked(mark: str) -> dict[str, ProcessIdentity]:
    """Find processes by their marks; of processes with the same start, the topmost."""
    found: dict[int, str] = {}
    for pid in psutil.pids():
        try:
            environment = psutil.Process(pid).environ()
        except (psutil.Error, OSError):
            continue
        if environment.get(MARK) == mark and environment.get(SERVICE) and environment.get(LAUNCH):
            found[pid] = environment[LAUNCH]
    tops: dict[str, ProcessIdentity] = {}
    for pid, launch_id in found.items():
        started = start_of(pid)
        if started is not None and found.get(_parent(pid)) != launch_id:
            tops[launch_id] = ProcessIdentity(pid, started)
    return tops


def _parent(pid: int) -> int:
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return 0
