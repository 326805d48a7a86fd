"""Services in the administration console."""

from __future__ import annotations

from datetime import UTC, datetime

from plughub.domain.scopes import ScopeFilter, coverage_of
from plughub.services.addresses import service_link
from plughub.web.pages.admin.base import AdminPageHandler, shows_section
from plughub.web.pages.admin.navigation import SERVICES


class ServicesPageHandler(AdminPageHandler):
    """``/hub/admin/services``."""

    section = SERVICES

    @shows_section
    async def get(self) -> None:
        """List the services that the viewer may list, with their states."""
        scopes, settings = self.visitor.scopes, self.services.settings
        listed = await self.services.service_admin.states(coverage_of(scopes, "list:services"))
        readable, managed = coverage_of(scopes, "read:services"), coverage_of(scopes, "admin:services")
        opened = coverage_of(scopes, "access:services")
        await self.render_admin(
            "admin/services.html",
            hub_services=[
                {
                    "name": found.service.name,
                    "service": found.service if readable.covers(resource) else None,
                    "state": found.state if readable.covers(resource) else "",
                    "since": datetime.fromtimestamp(found.since, UTC) if found.since else None,
                    "url": service_link(settings, found.service.name)
                    if found.service.url and opened.covers(resource)
                    else "",
                    "api_url": self.hub_path("api", "services", found.service.name),
                    "may_restart": bool(found.service.command) and managed.covers(resource),
                    "may_delete": not found.service.from_config and managed.covers(resource),
                }
                for found in listed
                for resource in (ScopeFilter.service(found.service.name),)
            ],
        )
