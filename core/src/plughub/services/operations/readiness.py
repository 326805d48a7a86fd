"""The await phase of a start: wait until the launched server answers at its address."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field, replace

from plughub.domain.errors import PluginError
from plughub.domain.explanations import with_details
from plughub.domain.servers import ServerRecord
from plughub.domain.timings import READINESS_BACKOFF, STARTING_POLL_BACKOFF
from plughub.domain.users import User
from plughub.kinds import Diagnosis, Moved, Server
from plughub.plugin.hooks import Hooks
from plughub.services.addresses import server_prefix
from plughub.services.operations.job import CancelledByUserError, Job
from plughub.services.operations.reachability import as_endpoint
from plughub.services.operations.start_failures import (
    StartFailedError,
    checked_endpoint,
    exit_failure,
    missing_tls_failure,
    no_answer_failure,
    with_logs,
    wrong_process_failure,
)
from plughub.services.probe import answers
from plughub.services.server_records import plugin_view
from plughub.services.settings import HubSettings

log = logging.getLogger("plughub.start")


@dataclass(slots=True)
class Readiness:
    """Waits until one starting server is ready.

    Attributes:
        hooks: the hooks.
        settings: settings of the hub.
        job: the start.
        since: when the wait began, by the monotonic clock.
        wrong_process: why the last answer was not accepted; empty when there was none.
    """

    hooks: Hooks
    settings: HubSettings
    job: Job
    since: float = field(default_factory=time.monotonic)
    wrong_process: str = ""

    async def wait(self) -> None:
        """Return once the server runs, answers HTTP, and is itself what listens at its address.

        Raises:
            StartFailedError: it has ended, or was not ready in time.
            CancelledByUserError: a stop was requested.
        """
        pauses, polls = READINESS_BACKOFF.pauses(), STARTING_POLL_BACKOFF.pauses()
        next_poll = time.monotonic() + next(polls)
        self._check_tls(await self._record())
        while True:
            if time.monotonic() >= next_poll:
                await self._is_running_there()
                next_poll = time.monotonic() + next(polls)
            if await self._answers() and await self._is_ours() and await self._is_running_there():
                return
            if time.monotonic() - self.since > self._http_timeout:
                await self._time_out()
            if self.job.is_cancelled:
                raise CancelledByUserError
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(next(pauses)):
                    await self.job.wakeup.wait()
                self.job.wakeup.clear()
                next_poll = 0.0

    async def _is_running_there(self) -> bool:
        """Poll the server; return False when it has moved, after storing the new address.

        Raises:
            StartFailedError: it has ended.
        """
        record, user = await self.job.load()
        try:
            answer = await self.hooks.poll(self._plugin, self._view(record, user))
        except PluginError as error:
            log.warning("%s", error)
            return True
        if answer is None:
            return True
        if isinstance(answer, Moved):
            await self._store_move(record, user, answer)
            return False
        failure = exit_failure(self._plugin, answer, time.monotonic() - self.since, self.wrong_process)
        raise StartFailedError(await with_logs(self.hooks, failure, self._view(record, user)))

    async def _store_move(self, record: ServerRecord, user: User, moved: Moved) -> None:
        new = checked_endpoint(self._plugin, as_endpoint(moved, record)) if moved.url else None
        url, state = (new.url, new.state) if new else ("", moved.state or record.state)
        prefix = record.prefix
        await self.job.write(
            lambda tx: tx.servers.record_endpoint(record.id, url=url, prefix=prefix, state=state)
        )
        record = replace(record, url=url, state=state)
        self.job.remember(record, user)
        self.wrong_process = ""
        if url:
            self._check_tls(record)

    async def _answers(self) -> bool:
        record = await self._record()
        path = server_prefix(self.settings, record) + "api"
        return bool(record.url) and await answers(record.url, path, context=self.settings.tls)

    async def _is_ours(self) -> bool:
        """Return whether the server itself listens at its address; False when that is unknown."""
        record, user = await self.job.load()
        try:
            verified = await self.hooks.verify_address(self._plugin, self._view(record, user))
            self.wrong_process = "" if verified else f"another process listens at its address {record.url}"
        except PluginError as error:
            log.warning("%s", error)
            why = f"the hub cannot verify which process listens at its address {record.url}"
            self.wrong_process = with_details(why, error.reason)
        return not self.wrong_process

    async def _time_out(self) -> None:
        record, user = await self.job.load()
        view, seconds = self._view(record, user), self._http_timeout
        diagnosis = Diagnosis("")
        with contextlib.suppress(PluginError):
            diagnosis = await self.hooks.diagnose(self._plugin, view)
        failure = (
            wrong_process_failure(self._plugin, self.wrong_process, seconds, diagnosis)
            if self.wrong_process
            else no_answer_failure(self._plugin, record.url, seconds, diagnosis)
        )
        raise StartFailedError(await with_logs(self.hooks, failure, view))

    def _check_tls(self, record: ServerRecord) -> None:
        if self.settings.tls is not None and record.url and not record.url.startswith("https:"):
            raise StartFailedError(missing_tls_failure(self._plugin, record.url))

    def _view(self, record: ServerRecord, user: User) -> Server:
        launch = record.launch or self.job.operation.id
        return replace(plugin_view(self.settings, record, user, operation=launch), starting=True)

    async def _record(self) -> ServerRecord:
        return (await self.job.load())[0]

    @property
    def _plugin(self) -> str:
        return self.job.operation.backend

    @property
    def _http_timeout(self) -> float:
        return self.settings.spawners[self._plugin].http_timeout
