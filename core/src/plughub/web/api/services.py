"""Services."""

from __future__ import annotations

from plughub.domain.errors import NotFoundError
from plughub.domain.names import shorten
from plughub.web.api.base import APIHandler
from plughub.web.api.models import SERVICE_KEYS, service_model
from plughub.web.requires import lists, of_service, reach_in_list, requires


class ServicesHandler(APIHandler):
    """``/hub/api/services``."""

    @lists("list:services", kinds=("service",))
    async def get(self) -> None:
        """List services by name, as far as the scopes go."""
        found = await self.context.tokens.services(reach_in_list(self, "list:services"))
        settings, scopes = self.context.settings, self.visitor.scopes
        self.answer({service.name: service_model(settings, service, scopes) for service in found})


class ServiceHandler(APIHandler):
    """``/hub/api/services/:service``."""

    @requires(*SERVICE_KEYS, about=of_service)
    async def get(self, name: str) -> None:
        """Show a service, as far as the scopes go."""
        service = await self.context.tokens.service(name)
        if service is None:
            raise NotFoundError(f"there is no service {shorten(name)}")
        self.answer(service_model(self.context.settings, service, self.visitor.scopes))
