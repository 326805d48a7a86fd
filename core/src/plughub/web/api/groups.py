"""Groups, their members and properties."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from plughub.domain.errors import InvalidError
from plughub.domain.groups import Group
from plughub.web.api.base import APIHandler
from plughub.web.api.models import GROUP_KEYS, group_model
from plughub.web.api.pagination import page_of
from plughub.web.authorization import lists, of_group, reach_in_list, requires
from plughub.web.bodies import TEXTS
from plughub.web.description import PAGE, call


class _GroupAnswers(APIHandler):
    """Shows groups as far as the scopes go."""

    def model(self, group: Group) -> dict[str, Any]:
        return group_model(group, self.visitor.scopes)

    def users_of_body(self, *, required: bool = False) -> list[str]:
        body = self.checked_body("group")
        users = body.get("users")
        if users is None and required:
            raise InvalidError('the body of the request has to name users: {"users": ["name"]}')
        return list(users or [])


class GroupsHandler(_GroupAnswers):
    """``/hub/api/groups``."""

    @call(query=PAGE)
    @lists("list:groups", kinds=("group",))
    async def get(self) -> None:
        """List groups, as far as the scopes go."""
        page = page_of(self)
        within = reach_in_list(self, "list:groups")
        groups, total = await self.services.groups.page(within, page.offset, page.limit)
        self.answer(page.wrap(self, [self.model(group) for group in groups], total))

    @call(good=(201,), bad=(409,), body={"groups": TEXTS, "users": TEXTS})
    @requires("admin:groups")
    async def post(self) -> None:
        """Create several groups."""
        body = self.checked_body("group")
        groups = await self.services.groups.create(
            body.get("groups") or [], body.get("users") or [], by=self.visitor
        )
        for group in groups:
            self.tell("create-group", "", group=group.name, users=list(group.users))
        self.answer([self.model(group) for group in groups], HTTPStatus.CREATED)


class GroupHandler(_GroupAnswers):
    """``/hub/api/groups/:group``."""

    @call(bad=(404,))
    @requires(*GROUP_KEYS, about=of_group)
    async def get(self, name: str) -> None:
        """Show a group, as far as the scopes go."""
        self.answer(self.model(await self.services.groups.get(name)))

    @call(good=(201,), bad=(404, 409), body={"users": TEXTS})
    @requires("admin:groups", about=of_group)
    async def post(self, name: str) -> None:
        """Create a group."""
        groups = await self.services.groups.create([name], self.users_of_body(), by=self.visitor)
        self.tell("create-group", "", group=name, users=list(groups[0].users))
        self.answer(self.model(groups[0]), HTTPStatus.CREATED)

    @call(good=(204,), bad=(404,))
    @requires("delete:groups", about=of_group)
    async def delete(self, name: str) -> None:
        """Delete a group."""
        await self.services.groups.delete(name, self.visitor)
        self.tell("delete-group", "", group=name)
        self.answer_nothing(HTTPStatus.NO_CONTENT)


class GroupUsersHandler(_GroupAnswers):
    """``/hub/api/groups/:group/users``."""

    @call(bad=(404,), body={"users": TEXTS})
    @requires("groups", about=of_group)
    async def post(self, name: str) -> None:
        """Add members."""
        users = self.users_of_body(required=True)
        group = await self.services.groups.add(name, users, self.visitor)
        self.tell("add-to-group", "", group=name, users=users)
        self.answer(self.model(group))

    @call(bad=(404,), body={"users": TEXTS})
    @requires("groups", about=of_group)
    async def delete(self, name: str) -> None:
        """Take members out."""
        users = self.users_of_body(required=True)
        group = await self.services.groups.remove(name, users, self.visitor)
        self.tell("remove-from-group", "", group=name, users=users)
        self.answer(self.model(group))


class GroupPropertiesHandler(_GroupAnswers):
    """``/hub/api/groups/:group/properties``."""

    @call(bad=(404,), body={})
    @requires("groups", about=of_group)
    async def put(self, name: str) -> None:
        """Store properties in place of those before."""
        group = await self.services.groups.set_properties(name, self.json_body(needed=True))
        self.tell("change-group", "", group=name)
        self.answer(self.model(group))
