"""Work that one process does for all of them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from plughub.domain.timings import HEARTBEATS_PER_LEASE
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction


@dataclass(slots=True)
class Lease:
    """Something that is ours for a while.

    Attributes:
        until: when that ends, by the monotonic clock.
    """

    until: float = 0.0

    @property
    def sure(self) -> bool:
        """Whether it is ours still. Ask just before each step: a process may have slept."""
        return time.monotonic() < self.until


class Leadership:
    """One piece of work that one process does for all of them, as long as it renews its lease.

    Args:
        store: the storage.
        settings: of the hub.
        work: name of the lease.
    """

    def __init__(self, store: Store, settings: HubSettings, work: str) -> None:
        self.work = work
        self._store = store
        self._settings = settings
        self._until = 0.0

    @property
    def sure(self) -> bool:
        """Whether the lease is still ours. Ask just before each step: a process may have slept."""
        return time.monotonic() < self._until

    async def take(self) -> bool:
        """Take the lease when nobody has it, or renew ours in time.

        Returns:
            Whether this process is the one.

        Raises:
            UnavailableError: the database does not answer, and what we had has run out.
        """
        asked, lease = time.monotonic(), self._settings.lease
        if asked < self._until - lease / HEARTBEATS_PER_LEASE:
            return True
        another = not self.sure and await self._store.read(self._is_anothers)
        if another or not await self._store.write(self._hold):
            self._until = 0.0
        else:
            self._until = asked + lease
        return self.sure

    def _is_anothers(self, tx: Transaction) -> bool:
        return tx.leases.holders().get(self.work, self._settings.hub_id) != self._settings.hub_id

    def _hold(self, tx: Transaction) -> bool:
        return tx.leases.hold(self.work, self._settings.hub_id, self._settings.lease)
