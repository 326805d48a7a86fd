"""Services."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from plughub.domain.events import EventKind
from plughub.web.api.base import APIHandler
from plughub.web.api.models import SERVICE_KEYS, service_model
from plughub.web.api.tokens import no_such_token, token_key
from plughub.web.authorization import list_coverage, lists, of_service, requires
from plughub.web.bodies import FLAG, NUMBER, OBJECT, TEXT, TEXTS
from plughub.web.description import call

_SERVICE: Final = {
    "name": TEXT,
    "admin": FLAG,
    "url": TEXT,
    "oauth_client_allowed_scopes": TEXTS,
    "oauth_roles": TEXTS,
    "api_token": TEXT,
    "info": OBJECT,
    "display": FLAG,
    "timeout": NUMBER,
    "oauth_no_confirm": FLAG,
    "command": TEXTS,
    "cwd": TEXT,
    "environment": OBJECT,
    "user": TEXT,
    "oauth_client_id": TEXT,
    "oauth_redirect_uri": TEXT,
}
"""Keys of a service. A command is refused: only the config file may set one."""


class ServicesHandler(APIHandler):
    """``/hub/api/services``."""

    @call()
    @lists("list:services", kinds=("service",))
    async def get(self) -> None:
        """List services by name, limited to the scopes."""
        found = await self.services.service_admin.within(list_coverage(self, "list:services"))
        settings, scopes = self.services.settings, self.visitor.scopes
        self.answer({service.name: service_model(settings, service, scopes) for service in found})


class ServiceHandler(APIHandler):
    """``/hub/api/services/:service``."""

    @call(errors=(404,))
    @requires(*SERVICE_KEYS, about=of_service)
    async def get(self, name: str) -> None:
        """Return a service, limited to the scopes."""
        service = await self.services.service_admin.get(name)
        self.answer(service_model(self.services.settings, service, self.visitor.scopes))

    @call(success=(201,), errors=(400, 404, 409), body=_SERVICE)
    @requires("admin:services", about=of_service)
    async def post(self, name: str) -> None:
        """Create a service that the hub does not start."""
        body = self.checked_body("service")
        service = await self.services.service_admin.create(name, body, self.visitor)
        self.emit_event("create-service", "", service=name)
        self.answer(service_model(self.services.settings, service, self.visitor.scopes), HTTPStatus.CREATED)

    @call(errors=(404, 405))
    @requires("admin:services", about=of_service)
    async def delete(self, name: str) -> None:
        """Delete a service that is not defined in the config file."""
        await self.services.service_admin.delete(name)
        self.emit_event("delete-service", "", service=name)
        self.answer_nothing(HTTPStatus.OK)


class ServiceTokenHandler(APIHandler):
    """``/hub/api/services/:service/tokens/:id``."""

    @call(success=(204,), errors=(404,))
    @requires("admin:services", about=of_service)
    async def delete(self, name: str, token_id: str) -> None:
        """Revoke a token of a service; tokens of the config file come back at the next start of the hub."""
        if not await self.services.service_admin.revoke_token(name, token_key(token_id)):
            raise no_such_token(token_id)
        self.emit_event(EventKind.TOKEN_REVOKED, "", service=name, token=token_id)
        self.answer_nothing(HTTPStatus.NO_CONTENT)


class ServiceRestartHandler(APIHandler):
    """``/hub/api/services/:service/restart``."""

    @call(success=(202,), errors=(404, 409))
    @requires("admin:services", about=of_service)
    async def post(self, name: str) -> None:
        """Restart a service that the hub runs, within about a second."""
        await self.services.service_admin.restart(name)
        self.emit_event("restart-service", "", service=name)
        self.answer_nothing(HTTPStatus.ACCEPTED)
