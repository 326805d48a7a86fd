"""Whether the hub is well, and who of its processes does what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plughub.services.ports import Store, Transaction
from plughub.services.service_checks import service_states
from plughub.services.settings import HubSettings


class Health:
    """Answers the health page.

    Args:
        store: the storage.
        settings: of the hub.
    """

    def __init__(self, store: Store, settings: HubSettings) -> None:
        self._store = store
        self._settings = settings

    async def __call__(self) -> Mapping[str, Any]:
        """Look whether the database answers, and who is there.

        Returns:
            JSON-able facts.

        Raises:
            UnavailableError: the database does not answer.
        """
        return await self._store.read(self._look)

    def _look(self, tx: Transaction) -> Mapping[str, Any]:
        alive = tx.now() - 2 * self._settings.lease
        hubs = [
            {"id": hub["id"], "host": hub["host"], "pid": hub["pid"], "alive": hub["seen"] >= alive}
            for hub in tx.hubs.list()
        ]
        return {
            "hub": self._settings.hub_id,
            "hubs": hubs,
            "leases": tx.leases.holders(),
            "services": {service.name: state for service, state in service_states(tx)},
        }
