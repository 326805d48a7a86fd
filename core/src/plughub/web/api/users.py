"""Users, and the authenticated user or service."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.domain.scopes import identify_scopes
from plughub.domain.services import Service
from plughub.domain.users import SORTABLE, ServerState, UserQuery
from plughub.services.users.users import UserDetails
from plughub.web.api.base import APIHandler
from plughub.web.api.models import USER_KEYS, Models, service_model
from plughub.web.api.pagination import PageOfList, order_of, page_of
from plughub.web.authorization import list_coverage, lists, of_new_user, of_user, requires
from plughub.web.bodies import FLAG, OBJECT, TEXT, TEXTS
from plughub.web.description import PAGE, STOPPED, call

_NO: Final = {"0", "false", "no"}


class SelfHandler(APIHandler):
    """``/hub/api/user``: the authenticated user or service. Single-user servers request this all the time."""

    @call(query=STOPPED)
    async def get(self) -> None:
        """Return the authenticated user or service."""
        visitor = self.visitor
        if isinstance(visitor.owner, Service):
            scopes = visitor.scopes | identify_scopes(visitor.name, "service")
            self._answer(service_model(self.services.settings, visitor.owner, scopes))
            return
        models = Models(self.services.settings, visitor.scopes | identify_scopes(visitor.name))
        needed = models.needs_servers()
        servers = await self.services.servers.recent.of_user(visitor.user) if needed else []
        model = models.user(visitor.user, servers, include_stopped=include_stopped(self))
        self._answer(model)

    def _answer(self, model: dict[str, Any]) -> None:
        visitor = self.visitor
        model["token_id"] = visitor.token_id or None
        model["session_id"] = (visitor.session_id if visitor.by_token else "") or None
        model["scopes"] = sorted(visitor.scopes)
        self.answer(model)


class UsersHandler(APIHandler):
    """``/hub/api/users``."""

    @call(query={"state": TEXT, "name_filter": TEXT, "sort": TEXT, **STOPPED, **PAGE})
    @lists("list:users", kinds=("user", "group"))
    async def get(self) -> None:
        """List users that the scopes cover."""
        page = page_of(self)
        stopped = include_stopped(self)
        found = await self.services.user_admin.page(self._query(page), stopped=stopped)
        models = Models(self.services.settings, self.visitor.scopes)
        shown = [
            models.user(user, found.servers.get(user.id, []), include_stopped=stopped) for user in found.users
        ]
        self.answer(page.wrap(self, shown, found.total))

    @call(success=(201,), errors=(409,), body={"usernames": TEXTS, "admin": FLAG, "authenticator": TEXT})
    @requires("admin:users")
    async def post(self) -> None:
        """Create several users."""
        body = self.checked_body("user")
        admin = bool(body.get("admin"))
        users = await self.services.user_admin.create(
            body.get("usernames") or [],
            admin=admin,
            by=self.visitor,
            authenticator=body.get("authenticator") or "",
        )
        for user in users:
            self.emit_event("create-user", user.name, admin=admin, **_authenticator_detail(body))
        models = Models(self.services.settings, self.visitor.scopes)
        self.answer([models.user(user) for user in users], HTTPStatus.CREATED)

    def _query(self, page: PageOfList) -> UserQuery:
        state = self.get_query_argument("state", "")
        if state and state not in set(ServerState):
            raise InvalidError(f"state must be one of {', '.join(ServerState)}, not {shorten(state)}")
        sort, descending = order_of(self, SORTABLE, "id")
        return UserQuery(
            within=list_coverage(self, "list:users"),
            state=ServerState(state) if state else None,
            name_filter=self.get_query_argument("name_filter", ""),
            sort=sort,
            descending=descending,
            offset=page.offset,
            limit=page.limit,
        )


class UserHandler(APIHandler):
    """``/hub/api/users/:name``."""

    @call(errors=(404,), query=STOPPED)
    @requires(*USER_KEYS, about=of_user)
    async def get(self, name: str) -> None:
        """Return a user, limited to the scopes."""
        await self._answer(name)

    @call(success=(201,), errors=(404, 409), body={"admin": FLAG, "authenticator": TEXT})
    @requires("admin:users", about=of_new_user)
    async def post(self, name: str) -> None:
        """Create a user."""
        body = self.checked_body("user")
        admin = bool(body.get("admin"))
        created = await self.services.user_admin.create(
            [name], admin=admin, by=self.visitor, authenticator=body.get("authenticator") or ""
        )
        self.emit_event("create-user", created[0].name, admin=admin, **_authenticator_detail(body))
        # A new user has only a default server that never ran, so there is nothing to load.
        found = None if include_stopped(self) else UserDetails(created[0])
        await self._answer(created[0].name, HTTPStatus.CREATED, found)

    @call(errors=(404, 409), body={"name": TEXT, "admin": FLAG, "auth_state": OBJECT, "authenticator": TEXT})
    @requires("admin:users", about=of_user)
    async def patch(self, name: str) -> None:
        """Rename a user, change admin rights or authenticator, or store the auth_state."""
        body = self.checked_body("user")
        encrypted = None
        if "auth_state" in body:
            encrypted = await self.services.auth_states.encrypt(body["auth_state"])
        before = await self.services.users.get(name)
        user = await self.services.user_admin.change(
            before,
            name=body.get("name"),
            admin=body.get("admin"),
            auth_state=encrypted,
            authenticator=body.get("authenticator") or "",
            by=self.visitor,
        )
        self.emit_event(
            "change-user", user.name, was=before.name, admin=user.admin, **_authenticator_detail(body)
        )
        await self._answer(user.name)

    @call(success=(204,), errors=(404,))
    @requires("delete:users", about=of_user)
    async def delete(self, name: str) -> None:
        """Stop a user's servers and delete the user."""
        user = await self.services.users.get(name)
        await self.services.user_admin.delete(user, self.context.options.slow_stop_timeout, by=self.visitor)
        self.emit_event("delete-user", user.name)
        self.answer_nothing(HTTPStatus.NO_CONTENT)

    async def _answer(self, name: str, status: int = HTTPStatus.OK, found: UserDetails | None = None) -> None:
        models, stopped = Models(self.services.settings, self.visitor.scopes), include_stopped(self)
        if found is None:
            found = await self.services.users.details(
                name, servers=models.needs_servers(), stopped=stopped, secrets=models.needs_secrets()
            )
        user = found.user
        model: dict[str, Any] = models.user(user, found.servers, include_stopped=stopped)
        if "auth_state" in model:
            model["auth_state"] = await self.services.auth_states.decrypt(user.id, found.encrypted_auth_state)
        self.answer(model, status)


def _authenticator_detail(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the requested authenticator as an event detail, if any."""
    return {"authenticator": body["authenticator"]} if body.get("authenticator") else {}


def include_stopped(handler: APIHandler) -> bool:
    """Return whether the request asks for stopped servers as well."""
    return handler.get_query_argument("include_stopped_servers", "0").lower() not in _NO
