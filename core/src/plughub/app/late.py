"""A storage for plugins of the core, which are made before the database is opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from plughub.services.ports.store import Store, Transaction

T = TypeVar("T")


class LateStore:
    """Stands for the storage while plugins are chosen.

    Attributes:
        store: the storage, as soon as there is one.
    """

    store: Store

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run a transaction that changes nothing."""
        return await self.store.read(work)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a transaction that may change something."""
        return await self.store.write(work)
