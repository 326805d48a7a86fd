"""Limits for concurrent password checks, by username and by address.

A plugin has few threads. Without these limits, a handful of logins whose check hangs would block all others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from plughub.domain.errors import TooManyError, UnavailableError
from plughub.domain.timings import LOGIN_SLOT_SECONDS
from plughub.domain.words import _

OF_NAME: Final = 2
"""Concurrent logins of one username."""
WAITING_OF_NAME: Final = 8
WAITING: Final = 128
"""Waiting logins per concurrent check; logins from one address may use half of them."""
BUSY: Final = _("Too many people are logging in right now. Try again in a few seconds.")
CHECKED: Final = _("Logins with this name are being checked already. Try again in a few seconds.")
_RETRY: Final = 5


@dataclass(eq=False, slots=True)
class Slot:
    """Right to run a login or a check. It ends when nothing runs on its behalf.

    Attributes:
        gate: the gate that issued it.
        key: username or address.
        turn: future that is done when the slot may be used.
        holds: number of holders: the login itself, and threads that outlive their timeout.
    """

    gate: _Gate
    key: str
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    holds: int = 1

    def hold(self) -> None:
        """Add a holder that may outlive the login. Must be called in the event loop."""
        self.holds += 1

    def drop(self) -> None:
        """Remove a holder. Must be called in the event loop."""
        self.holds -= 1
        if not self.holds:
            self.gate.leave(self)

    def drop_from_thread(self) -> None:
        """Remove a holder from a thread; no effect if the event loop is closed."""
        loop = self.turn.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self.drop)


slots_in_use: ContextVar[tuple[Slot, ...]] = ContextVar("slots_in_use", default=())
"""Slots of the current task; threads started on its behalf hold them."""


class FairShare:
    """Scheduler of logins that skips those whose username or address has used up its share.

    Args:
        size: number of concurrent checks.
    """

    def __init__(self, size: int) -> None:
        self._names = _Gate(lambda own, _: own < OF_NAME, self._check_names)
        self._checks = _Gate(
            lambda own, all_: all_ < size and own < max(1, (size - all_ + own) // 2), self._check_checks
        )
        self._most = WAITING * size

    @asynccontextmanager
    async def login(self, name: str) -> AsyncIterator[None]:
        """Limit the concurrent logins of a username during the block and the threads that it starts.

        Args:
            name: the username; empty for a login without one, which is not limited.

        Raises:
            TooManyError: too many logins of this username are waiting.
            UnavailableError: the running logins did not end in time.
        """
        if name:
            async with self._names.place(name):
                yield
        else:
            yield

    @asynccontextmanager
    async def check(self, address: str) -> AsyncIterator[None]:
        """Limit the concurrent checks of an address during the block and the threads that it starts.

        Args:
            address: address of the client.

        Raises:
            TooManyError: too many logins from this address are waiting.
            UnavailableError: too many logins are waiting altogether, or no slot was free in time.
        """
        async with self._checks.place(address):
            yield

    def _check_names(self, own: int, _all: int) -> None:
        if own >= WAITING_OF_NAME:
            raise TooManyError(CHECKED, retry_after=_RETRY)

    def _check_checks(self, own: int, all_: int) -> None:
        if all_ >= self._most:
            raise UnavailableError(BUSY, retry_after=_RETRY)
        if own >= self._most // 2:
            raise TooManyError(BUSY, retry_after=_RETRY)


class _Gate:
    """Pool of slots with a waiting queue.

    Args:
        fits: function of the slots of a key and of all keys in use that decides whether another one fits.
        check: function of the waiting slots of a key and of all keys that raises if no more may wait.
    """

    def __init__(self, fits: Callable[[int, int], bool], check: Callable[[int, int], None]) -> None:
        self._may_enter = fits
        self._check = check
        self._running: dict[str, int] = {}
        self._taken = 0
        self._waiting: deque[Slot] = deque()

    @asynccontextmanager
    async def place(self, key: str) -> AsyncIterator[None]:
        """Hold a slot during the block and the threads that it starts."""
        slot = Slot(self, key)
        await self._enter(slot)
        token = slots_in_use.set((*slots_in_use.get(), slot))
        try:
            yield
        finally:
            slots_in_use.reset(token)
            slot.drop()

    def leave(self, slot: Slot) -> None:
        """Free a slot and admit waiting ones that fit now."""
        self._taken -= 1
        self._running[slot.key] -= 1
        if not self._running[slot.key]:
            del self._running[slot.key]
        for waiting in list(self._waiting):
            if self._fits(waiting.key) and not waiting.turn.done():
                self._waiting.remove(waiting)
                self._take(waiting)
                waiting.turn.set_result(None)

    async def _enter(self, slot: Slot) -> None:
        if self._fits(slot.key):
            self._take(slot)
            return
        self._check(sum(other.key == slot.key for other in self._waiting), len(self._waiting))
        self._waiting.append(slot)
        try:
            async with asyncio.timeout(LOGIN_SLOT_SECONDS):
                await slot.turn
        except BaseException as error:
            if slot in self._waiting:
                self._waiting.remove(slot)
            else:  # its turn came at the same moment
                self.leave(slot)
            if isinstance(error, TimeoutError):
                raise UnavailableError(BUSY, retry_after=_RETRY) from error
            raise

    def _fits(self, key: str) -> bool:
        return self._may_enter(self._running.get(key, 0), self._taken)

    def _take(self, slot: Slot) -> None:
        self._taken += 1
        self._running[slot.key] = self._running.get(slot.key, 0) + 1
