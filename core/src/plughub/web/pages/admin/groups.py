"""Groups in the administration console: the list, and the page of one group."""

from __future__ import annotations

import json

from plughub.domain.lists import ListQuery
from plughub.domain.scopes import ScopeFilter, coverage_of
from plughub.domain.users import UserQuery
from plughub.web.authorization import check_access
from plughub.web.pages.admin.base import AdminPageHandler, shows_section
from plughub.web.pages.admin.list_view import requested_view
from plughub.web.pages.admin.navigation import GROUPS


class GroupsPageHandler(AdminPageHandler):
    """``/hub/admin/groups``."""

    section = GROUPS

    @shows_section
    async def get(self) -> None:
        """List the groups that the viewer may list."""
        scopes = self.visitor.scopes
        view = requested_view(self, sortable=("name",), sort="name")
        found = await self.services.console_lists.groups(
            ListQuery(
                within=coverage_of(scopes, "list:groups"),
                text=view.text,
                descending=view.descending,
                offset=view.offset,
                limit=view.size,
            )
        )
        if self.redirect_from_missing_page(view.with_total(found.total)):
            return
        deletable, readable = coverage_of(scopes, "delete:groups"), coverage_of(scopes, "read:groups")
        roles = coverage_of(scopes, "read:roles:groups")
        await self.render_admin(
            "admin/groups.html",
            view=view.with_total(found.total),
            groups=[
                {
                    "name": group.name,
                    "path": self.admin_path("groups", group.name),
                    "api_url": self.hub_path("api", "groups", group.name),
                    "members": group.members if readable.covers(ScopeFilter.group(group.name)) else None,
                    "roles": group.roles if roles.covers(ScopeFilter.group(group.name)) else (),
                    "may_delete": deletable.covers(ScopeFilter.group(group.name)),
                }
                for group in found.items
            ],
            may_create=self.visitor.may("admin:groups"),
            groups_api_url=self.hub_path("api", "groups"),
        )


class GroupPageHandler(AdminPageHandler):
    """``/hub/admin/groups/:name``."""

    section = GROUPS

    @shows_section
    async def get(self, name: str) -> None:
        """Show a group and a page of its members."""
        resource = ScopeFilter.group(name)
        await check_access(self, ("read:groups",), resource)
        group = await self.services.console_lists.group(name)
        view = requested_view(self, sortable=("name", "last_activity"), sort="name")
        query = UserQuery(
            group=name,
            name_filter=view.text,
            sort=view.sort,
            descending=view.descending,
            offset=view.offset,
            limit=view.size,
        )
        found = await self.services.user_admin.page(query)
        if self.redirect_from_missing_page(view.with_total(found.total)):
            return
        await self.render_admin(
            "admin/group.html",
            heading=group.name,
            group=group,
            roles=group.roles if self.visitor.may("read:roles:groups", resource=resource) else (),
            properties=json.dumps(dict(group.properties), indent=2, ensure_ascii=False, sort_keys=True),
            view=view.with_total(found.total),
            members=[self._member(user.name, user.groups) for user in found.users],
            may_change=self.visitor.may("groups", resource=resource),
            may_delete=self.visitor.may("delete:groups", resource=resource),
            groups_url=self.admin_path("groups"),
            api_url=self.hub_path("api", "groups", name),
        )

    def _member(self, name: str, groups: tuple[str, ...]) -> dict[str, str]:
        """Return a member; with a link if the viewer may open the user's page."""
        may_open = self.visitor.may("list:users", resource=ScopeFilter.user(name), groups=groups)
        return {"name": name, "path": self.admin_path("users", name) if may_open else ""}
