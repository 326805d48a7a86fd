"""Leases: work that one process does for all of them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from plughub.domain.timings import HEARTBEATS_PER_LEASE
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction


@dataclass(slots=True)
class Lease:
    """Time-limited exclusive right.

    Attributes:
        until: when it ends, by the monotonic clock.
    """

    until: float = 0.0

    @property
    def is_held(self) -> bool:
        """True while the lease is ours. Check before each step: the process may have been suspended."""
        return time.monotonic() < self.until


class Leadership:
    """Work that one process does for all of them, as long as it renews a lease.

    Args:
        store: the storage.
        settings: settings of the hub.
        name: name of the lease.
    """

    def __init__(self, store: Store, settings: HubSettings, name: str) -> None:
        self.name = name
        self._store = store
        self._settings = settings
        self._until = 0.0

    @property
    def is_held(self) -> bool:
        """True while the lease is ours. Check before each step: the process may have been suspended."""
        return time.monotonic() < self._until

    async def acquire(self) -> bool:
        """Acquire the lease if it is free, or renew it when half of it has passed.

        Returns:
            True when this process holds the lease.

        Raises:
            UnavailableError: the database does not answer, and our lease has ended.
        """
        asked, lease = time.monotonic(), self._settings.lease
        if asked < self._until - lease / HEARTBEATS_PER_LEASE:
            return True
        is_held_elsewhere = not self.is_held and await self._store.read(self._is_held_elsewhere)
        if is_held_elsewhere or not await self._store.write(self._renew):
            self._until = 0.0
        else:
            self._until = asked + lease
        return self.is_held

    def _is_held_elsewhere(self, tx: Transaction) -> bool:
        return tx.leases.holders().get(self.name, self._settings.hub_id) != self._settings.hub_id

    def _renew(self, tx: Transaction) -> bool:
        return tx.leases.acquire(self.name, self._settings.hub_id, self._settings.lease)
