"""Groups, their members and properties."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from plughub.domain.errors import InvalidError
from plughub.domain.groups import Group
from plughub.web.api.base import APIHandler
from plughub.web.api.models import GROUP_KEYS, group_model
from plughub.web.api.pagination import page_of
from plughub.web.authorization import list_coverage, lists, of_group, requires
from plughub.web.bodies import TEXTS
from plughub.web.description import PAGE, call


class _GroupAnswers(APIHandler):
    """Base class for calls that respond with groups, limited to the caller's scopes."""

    def model(self, group: Group) -> dict[str, Any]:
        return group_model(group, self.visitor.scopes)

    def users_of_body(self, *, required: bool = False) -> list[str]:
        body = self.checked_body("group")
        users = body.get("users")
        if users is None and required:
            raise InvalidError('the body of the request must list users: {"users": ["name"]}')
        return list(users or [])


class GroupsHandler(_GroupAnswers):
    """``/hub/api/groups``."""

    @call(query=PAGE)
    @lists("list:groups", kinds=("group",))
    async def get(self) -> None:
        """List groups that the scopes cover."""
        page = page_of(self)
        within = list_coverage(self, "list:groups")
        groups, total = await self.services.groups.page(within, page.offset, page.limit)
        self.answer(page.wrap(self, [self.model(group) for group in groups], total))

    @call(success=(201,), errors=(409,), body={"groups": TEXTS, "users": TEXTS})
    @requires("admin:groups")
    async def post(self) -> None:
        """Create several groups."""
        body = self.checked_body("group")
        groups = await self.services.groups.create(
            body.get("groups") or [], body.get("users") or [], by=self.visitor
        )
        for group in groups:
            self.emit_event("create-group", "", group=group.name, users=list(group.users))
        self.answer([self.model(group) for group in groups], HTTPStatus.CREATED)


class GroupHandler(_GroupAnswers):
    """``/hub/api/groups/:group``."""

    @call(errors=(404,))
    @requires(*GROUP_KEYS, about=of_group)
    async def get(self, name: str) -> None:
        """Return a group, limited to the scopes."""
        self.answer(self.model(await self.services.groups.get(name)))

    @call(success=(201,), errors=(404, 409), body={"users": TEXTS})
    @requires("admin:groups", about=of_group)
    async def post(self, name: str) -> None:
        """Create a group."""
        groups = await self.services.groups.create([name], self.users_of_body(), by=self.visitor)
        self.emit_event("create-group", "", group=name, users=list(groups[0].users))
        self.answer(self.model(groups[0]), HTTPStatus.CREATED)

    @call(success=(204,), errors=(404,))
    @requires("delete:groups", about=of_group)
    async def delete(self, name: str) -> None:
        """Delete a group."""
        await self.services.groups.delete(name, self.visitor)
        self.emit_event("delete-group", "", group=name)
        self.answer_nothing(HTTPStatus.NO_CONTENT)


class GroupUsersHandler(_GroupAnswers):
    """``/hub/api/groups/:group/users``."""

    @call(errors=(404,), body={"users": TEXTS})
    @requires("groups", about=of_group)
    async def post(self, name: str) -> None:
        """Add members."""
        users = self.users_of_body(required=True)
        group = await self.services.groups.add(name, users, self.visitor)
        self.emit_event("add-to-group", "", group=name, users=users)
        self.answer(self.model(group))

    @call(errors=(404,), body={"users": TEXTS})
    @requires("groups", about=of_group)
    async def delete(self, name: str) -> None:
        """Remove members."""
        users = self.users_of_body(required=True)
        group = await self.services.groups.remove(name, users, self.visitor)
        self.emit_event("remove-from-group", "", group=name, users=users)
        self.answer(self.model(group))


class GroupPropertiesHandler(_GroupAnswers):
    """``/hub/api/groups/:group/properties``."""

    @call(errors=(404,), body={})
    @requires("groups", about=of_group)
    async def put(self, name: str) -> None:
        """Replace the properties."""
        group = await self.services.groups.set_properties(name, self.json_body(needed=True))
        self.emit_event("change-group", "", group=name)
        self.answer(self.model(group))
