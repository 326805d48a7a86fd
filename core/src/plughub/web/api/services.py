"""Services."""

from __future__ import annotations

from http import HTTPStatus

from plughub.web.api.base import APIHandler
from plughub.web.api.bodies import check_body
from plughub.web.api.calls import SERVICE
from plughub.web.api.models import SERVICE_KEYS, service_model
from plughub.web.requires import lists, of_service, reach_in_list, requires


class ServicesHandler(APIHandler):
    """``/hub/api/services``."""

    @lists("list:services", kinds=("service",))
    async def get(self) -> None:
        """List services by name, as far as the scopes go."""
        found = await self.services.service_admin.within(reach_in_list(self, "list:services"))
        settings, scopes = self.services.settings, self.visitor.scopes
        self.answer({service.name: service_model(settings, service, scopes) for service in found})


class ServiceHandler(APIHandler):
    """``/hub/api/services/:service``."""

    @requires(*SERVICE_KEYS, about=of_service)
    async def get(self, name: str) -> None:
        """Show a service, as far as the scopes go."""
        service = await self.services.service_admin.get(name)
        self.answer(service_model(self.services.settings, service, self.visitor.scopes))

    @requires("admin:services", about=of_service)
    async def post(self, name: str) -> None:
        """Create a service that somebody else starts."""
        body = self.json_body()
        check_body(body, SERVICE, "service")
        service = await self.services.service_admin.create(name, body, self.visitor)
        self.tell("create-service", "", service=name)
        self.answer(service_model(self.services.settings, service, self.visitor.scopes), HTTPStatus.CREATED)

    @requires("admin:services", about=of_service)
    async def delete(self, name: str) -> None:
        """Delete a service that does not stand in the config file."""
        await self.services.service_admin.delete(name)
        self.tell("delete-service", "", service=name)
        self.answer_nothing(HTTPStatus.OK)
