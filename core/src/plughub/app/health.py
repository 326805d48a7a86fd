"""Whether the hub is well, and who of its processes does what."""

from __future__ import annotations

from collections.abc import Callable

from plughub.domain.errors import UnavailableError
from plughub.domain.hub_processes import HubHealth, HubStatus
from plughub.services.coordination.hub_registry import hubs_alive
from plughub.services.hub_services.health_checks import service_states
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction


class Health:
    """Answers the health page.

    Args:
        store: the storage.
        settings: of the hub.
        trouble: tells what was wrong with the database when it was last asked; reading may still work.
    """

    def __init__(self, store: Store, settings: HubSettings, trouble: Callable[[], str]) -> None:
        self._store = store
        self._settings = settings
        self._trouble = trouble

    async def __call__(self) -> HubHealth:
        """Look whether the database answers, and who is there.

        Returns:
            The processes, their leases and the services.

        Raises:
            UnavailableError: the database does not answer, or takes no writes.
        """
        facts = await self._store.read(self._look)
        if trouble := self._trouble():
            raise UnavailableError(trouble)
        return facts

    def _look(self, tx: Transaction) -> HubHealth:
        alive = {hub.id for hub in hubs_alive(tx, self._settings.lease)}
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
