"""A fair share of what blocks: so many logins at once, few of one name, and of one address half of the rest.

Threads of plugins are few. Without shares a handful of logins whose check hangs would keep everybody out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from plughub.domain.errors import TooManyError, UnavailableError

OF_NAME: Final = 2
"""Logins of one name that are checked at once."""
WAITING_OF_NAME: Final = 8
WAITING: Final = 128
"""Logins that may wait, for each that can be checked at once; those of one address may take half."""
WAIT_SECONDS: Final = 20.0
BUSY: Final = "Too many people are logging in right now. Try again in a few seconds."
CHECKED: Final = "Logins with this name are being checked already. Try again in a few seconds."
_RETRY: Final = 5


@dataclass(eq=False, slots=True)
class Slot:
    """The right to one of the places; it ends when nothing works for it any more.

    Attributes:
        name: who logs in; empty for nobody by name.
        address: from where.
        turn: done when the slot may be used.
        holds: what still works for it: the login itself, and threads that outlive their time-out.
    """

    share: FairShare
    name: str
    address: str
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    holds: int = 1

    def hold(self) -> None:
        """Keep the slot although the login ends. To be called in the loop."""
        self.holds += 1

    def drop(self) -> None:
        """Let go of a hold. To be called in the loop."""
        self.holds -= 1
        if not self.holds:
            self.share.leave(self)

    def drop_from_thread(self) -> None:
        """Let go of a hold in a thread; a loop that has ended needs no slots."""
        loop = self.turn.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self.drop)


slot_in_use: ContextVar[Slot | None] = ContextVar("slot_in_use", default=None)
"""The slot for which something runs; threads that work for it hold it."""


class FairShare:
    """Hands out places. Who waits comes in turn, but nobody waits for those who may not have a place yet.

    Args:
        size: places.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._running: list[Slot] = []
        self._waiting: deque[Slot] = deque()

    @asynccontextmanager
    async def place(self, name: str, address: str) -> AsyncIterator[None]:
        """Have a place for as long as the block runs, and threads that it started.

        Args:
            name: who logs in; empty for nobody by name.
            address: from where.

        Raises:
            TooManyError: too many of this name, or of this address, wait already.
            UnavailableError: too many wait altogether, or no place was free in time.
        """
        slot = Slot(self, name, address)
        await self._enter(slot)
        token = slot_in_use.set(slot)
        try:
            yield
        finally:
            slot_in_use.reset(token)
            slot.drop()

    def leave(self, slot: Slot) -> None:
        """Give a place back, to those who wait for it.

        Args:
            slot: that is not used any more.
        """
        self._running.remove(slot)
        for waiting in list(self._waiting):
            if self._fits(waiting) and not waiting.turn.done():
                self._waiting.remove(waiting)
                self._running.append(waiting)
                waiting.turn.set_result(None)

    async def _enter(self, slot: Slot) -> None:
        if self._fits(slot):
            self._running.append(slot)
            return
        self._check_queue(slot)
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

    def _fits(self, slot: Slot) -> bool:
        of_name = sum(other.name == slot.name for other in self._running) if slot.name else 0
        of_address = sum(other.address == slot.address for other in self._running)
        others = len(self._running) - of_address
        share = max(1, (self._size - others) // 2)
        return len(self._running) < self._size and of_name < OF_NAME and of_address < share

    def _check_queue(self, slot: Slot) -> None:
        most = WAITING * self._size
        if slot.name and sum(other.name == slot.name for other in self._waiting) >= WAITING_OF_NAME:
            raise TooManyError(CHECKED, retry_after=_RETRY)
        if len(self._waiting) >= most:
            raise UnavailableError(BUSY, retry_after=_RETRY)
        if sum(other.address == slot.address for other in self._waiting) >= most // 2:
            raise TooManyError(BUSY, retry_after=_RETRY)
