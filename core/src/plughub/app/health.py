"""Health of the hub: its processes, their leases, and its services."""

from __future__ import annotations

from collections.abc import Callable

from plughub.domain.errors import UnavailableError
from plughub.domain.hub_processes import HubHealth, HubStatus
from plughub.services.coordination.hub_registry import live_hubs
from plughub.services.hub_services.health_checks import service_states
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction


class Health:
    """Health report of the hub.

    Args:
        store: the storage.
        settings: of the hub.
        problem: returns the last problem of the database, empty for none; reading may work nevertheless.
    """

    def __init__(self, store: Store, settings: HubSettings, problem: Callable[[], str]) -> None:
        self._store = store
        self._settings = settings
        self._problem = problem

    async def __call__(self) -> HubHealth:
        """Return the hub processes, leases and service states.

        Raises:
            UnavailableError: the database does not respond or is read-only.
        """
        facts = await self._store.read(self._read)
        if problem := self._problem():
            raise UnavailableError(problem)
        return facts

    def _read(self, tx: Transaction) -> HubHealth:
        alive = {hub.id for hub in live_hubs(tx, self._settings.lease)}
        leases = tx.leases.holders()
        hubs = (
            HubStatus(
                process=hub,
                alive=hub.id in alive,
                leads=tuple(sorted(work for work, holder in leases.items() if holder == hub.id)),
            )
            for hub in tx.hub_processes.list()
        )
        return HubHealth(
            hub=self._settings.hub_id,
            hubs=tuple(hubs),
            leases=leases,
            services={service.name: state for service, state in service_states(tx)},
        )
