"""Callbacks of a spawner that run when the hub notices that its server has ended."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Float

from plughub.classes.spawner.hook_results import as_exit_code
from plughub.classes.spawner.settings import SpawnerSettings
from plughub.classes.user_code import call
from plughub.domain.timings import DEATH_BACKOFF, POLL_CALLBACK_SECONDS
from plughub.kinds import Moved


class _TooEarlyError(Exception):
    """A poll tried to restart a server that is still starting."""


class _NoTokenError(Exception):
    """A poll tried to restart a server whose token only another process knew."""


class PollCallbacks(SpawnerSettings):
    """Notification of subclasses about servers that end by themselves. The hub polls; a spawner does not."""

    death_interval = Float(0.1, help="Longest pause between two polls of `wait_for_death` in seconds.")
    _callbacks: Sequence[Callable[[], Any]] = ()  # no trait: its first use would take longer than a poll
    _may_restart_at = Float(0, help="Monotonic time before which `poll` must not restart the server.")
    _is_awaited = Bool(False, help="Whether the hub waits for the first answer of the server.")
    _poll_callback = AnyTrait(None, help="Always None, for compatibility: the hub polls.")

    @functools.cached_property
    def _poll_lock(self) -> asyncio.Lock:
        return asyncio.Lock()

    async def start(self) -> Any:
        """Start the server. Implemented by subclasses."""
        raise NotImplementedError

    async def poll(self) -> Any:
        """Return None if the server runs, else its exit code. Implemented by subclasses."""
        raise NotImplementedError

    def add_poll_callback(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call a function when the hub's polling finds that the server has ended.

        The hub does not call it for a server that it was asked to stop. Callbacks live as long as the server
        in this hub process: register them in ``__init__`` to have them after a restart of the hub, and in
        every process of a hub with several, of which one polls.

        Args:
            callback: function, synchronous or not.
            args: its positional arguments.
            kwargs: its keyword arguments.
        """

        async def notify() -> None:
            await call(self.plugin, callback, *args, **kwargs)

        self._callbacks = [*self._callbacks, notify]

    def start_polling(self) -> None:
        """Do nothing, for compatibility: the hub polls every Spawner.poll_interval seconds."""

    def stop_polling(self) -> None:
        """Do nothing, for compatibility: the hub polls while the server runs."""

    async def poll_guarded(self, *, starting: bool) -> Any:
        """Poll, and prevent that a `poll` which restarts its server does so too early, or without its token.

        Only the hub process that started a server knows its token: the database has a hash.

        Args:
            starting: the hub waits for the first answer of the server.

        Returns:
            The result of `poll`; None if it tried to restart the server too early, 0 if without its token.
        """
        start, self._is_awaited = self.start, starting

        def restart(*args: Any, **kwargs: Any) -> Any:
            self._may_restart_at = time.monotonic() + self.http_timeout
            return start(*args, **kwargs)

        names: dict[str, Callable[..., Any]] = {"start": restart if self.api_token else _refuse_without_token}
        if starting or time.monotonic() < self._may_restart_at:
            # A poll may stop a server that has ended, to clean up, or one that it is about to restart.
            names = {"start": _refuse, "stop": _skip}
        return await self._poll_with(names)

    async def has_ended(self) -> bool:
        """Poll before a stop, and return whether the server has ended.

        `poll` may clean up after the server, but not restart it: the server then counts as running.
        """
        return _exit_code(await self._poll_with({"start": _refuse})) is not None

    async def _poll_with(self, names: Mapping[str, Callable[..., Any]]) -> Any:
        """Poll while methods of this object are replaced."""
        vars(self).update(names)
        try:
            return await call(self.plugin, self.poll)
        except _TooEarlyError:
            return None
        except _NoTokenError:
            self.log.warning(
                "%s: poll cannot restart the server, because only the hub process that started it knew its "
                "token; the server counts as ended",
                self.record.full_name,
            )
            return 0
        finally:
            for name in names:
                vars(self).pop(name, None)

    async def poll_and_notify(self) -> int | None:
        """Poll once, and call the callbacks if the server has ended.

        Returns:
            None if it runs, else its exit code.
        """
        code = _exit_code(await call(self.plugin, self.poll))
        if code is not None:
            await self.call_poll_callbacks()
        return code

    async def call_poll_callbacks(self) -> None:
        """Call each callback once. A failure is logged and does not affect the others."""
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                async with asyncio.timeout(POLL_CALLBACK_SECONDS):
                    await callback()
            except Exception:
                self.log.exception("a poll callback failed for %s", self.record.full_name)

    async def wait_for_death(self, timeout: float = 10) -> int | None:
        """Poll until the server has stopped.

        Args:
            timeout: maximum time in seconds.

        Returns:
            Its exit code; None if it still runs.
        """
        deadline = time.monotonic() + timeout
        for pause in replace(DEATH_BACKOFF, longest=self.death_interval).pauses():
            code = _exit_code(await call(self.plugin, self.poll))
            if code is not None or time.monotonic() >= deadline:
                break
            await asyncio.sleep(pause)
        return code


def _exit_code(answer: Any) -> int | None:
    return None if isinstance(answer, Moved) else as_exit_code(answer)


def _refuse_without_token(*_args: Any, **_kwargs: Any) -> None:
    raise _NoTokenError


def _refuse(*_args: Any, **_kwargs: Any) -> None:
    raise _TooEarlyError


class _Nothing:
    """Result of a method that does nothing, whether it is awaited or not."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


def _skip(*_args: Any, **_kwargs: Any) -> _Nothing:
    return _Nothing()
