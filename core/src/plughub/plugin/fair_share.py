"""A fair share of what blocks: few checks of one name at once, and of one address half of the free threads.

Threads of plugins are few. Without shares a handful of logins whose check hangs would keep everybody out.
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

OF_NAME: Final = 2
"""Logins of one name that are under way at once."""
WAITING_OF_NAME: Final = 8
WAITING: Final = 128
"""Logins that may wait for a check, for each that can be made at once; those of one address may take half."""
WAIT_SECONDS: Final = 20.0
BUSY: Final = "Too many people are logging in right now. Try again in a few seconds."
CHECKED: Final = "Logins with this name are being checked already. Try again in a few seconds."
_RETRY: Final = 5


@dataclass(eq=False, slots=True)
class Slot:
    """The right to a place; it ends when nothing works for it any more.

    Attributes:
        gate: that gives the place.
        key: whose it is.
        turn: done when the place may be used.
        holds: what still works for it: the login itself, and threads that outlive their time-out.
    """

    gate: _Gate
    key: str
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    holds: int = 1

    def hold(self) -> None:
        """Keep the place although the login ends. To be called in the loop."""
        self.holds += 1

    def drop(self) -> None:
        """Let go of a hold. To be called in the loop."""
        self.holds -= 1
        if not self.holds:
            self.gate.leave(self)

    def drop_from_thread(self) -> None:
        """Let go of a hold in a thread; a loop that has ended needs no places."""
        loop = self.turn.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self.drop)


slots_in_use: ContextVar[tuple[Slot, ...]] = ContextVar("slots_in_use", default=())
"""The places for which something runs; threads that work for them hold them."""


class FairShare:
    """Hands out places in turn, passing over logins that may not have a place yet.

    Args:
        size: checks that may be made at once.
    """

    def __init__(self, size: int) -> None:
        self._names = _Gate(lambda own, _: own < OF_NAME, self._check_names)
        self._checks = _Gate(
            lambda own, all_: all_ < size and own < max(1, (size - all_ + own) // 2), self._check_checks
        )
        self._most = WAITING * size

    @asynccontextmanager
    async def login(self, name: str) -> AsyncIterator[None]:
        """Have a login of a name under way for as long as the block runs, and threads that it started.

        Args:
            name: who logs in; empty for a login without a name, of which there may be any number.

        Raises:
            TooManyError: too many of this name wait already.
            UnavailableError: those that are under way did not end in time.
        """
        if name:
            async with self._names.place(name):
                yield
        else:
            yield

    @asynccontextmanager
    async def check(self, address: str) -> AsyncIterator[None]:
        """Have a plugin check for as long as the block runs, and threads that it started.

        Args:
            address: from where the login comes.

        Raises:
            TooManyError: too many of this address wait already.
            UnavailableError: too many wait altogether, or no place was free in time.
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
    """Places, and those who wait for them.

    Args:
        fits: gets how many places a key has and how many are taken; says whether one more fits.
        check: gets how many of a key wait and how many altogether; raises when one more must not wait.
    """

    def __init__(self, fits: Callable[[int, int], bool], check: Callable[[int, int], None]) -> None:
        self._may_enter = fits
        self._check = check
        self._running: dict[str, int] = {}
        self._taken = 0
        self._waiting: deque[Slot] = deque()

    @asynccontextmanager
    async def place(self, key: str) -> AsyncIterator[None]:
        """Have a place for as long as the block runs, and threads that it started."""
        slot = Slot(self, key)
        await self._enter(slot)
        token = slots_in_use.set((*slots_in_use.get(), slot))
        try:
            yield
        finally:
            slots_in_use.reset(token)
            slot.drop()

    def leave(self, slot: Slot) -> None:
        """Give a place back, to those who wait for it.

        Args:
            slot: that is not used any more.
        """
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
            async with asyncio.timeout(WAIT_SECONDS):
                await slot.turn
        except BaseException as error:
            if slot in self._waiting:
                self._waiting.remove(slot)
            else:  # its turn came at this very moment
                self.leave(slot)
            if isinstance(error, TimeoutError):
                raise UnavailableError(BUSY, retry_after=_RETRY) from error
            raise

    def _fits(self, key: str) -> bool:
        return self._may_enter(self._running.get(key, 0), self._taken)

    def _take(self, slot: Slot) -> None:
        self._taken += 1
        self._running[slot.key] = self._running.get(slot.key, 0) + 1
