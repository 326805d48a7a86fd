"""Health of the hub."""

from __future__ import annotations

from typing import Any

from plughub.domain.hub_processes import HubHealth
from plughub.web.base import BaseHandler
from plughub.web.description import call


class HealthHandler(BaseHandler):
    """``/hub/health``: health of the hub and its database; details need the scope ``read:hub``."""

    accepts_token = True
    guarded = frozenset()

    @call(open=True)
    async def get(self) -> None:
        """Check the health of the hub and its database."""
        health = await self.context.health()
        may_see = self.principal is not None and self.principal.may("read:hub")
        self.finish({"status": "ok", **(_health_model(health) if may_see else {})})

    head = get


def _health_model(health: HubHealth) -> dict[str, Any]:
    hubs = [
        {
            "id": hub.process.id,
            "host": hub.process.host,
            "pid": hub.process.pid,
            "alive": hub.alive,
            "leads": hub.leads,
        }
        for hub in health.hubs
    ]
    return {"hub": health.hub, "hubs": hubs, "leases": health.leases, "services": health.services}
