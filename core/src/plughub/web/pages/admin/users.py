"""Users in the administration console: the list, and the page of one user."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from plughub.domain.scopes import ScopeFilter, coverage_of
from plughub.domain.sessions import LoginSession
from plughub.domain.users import ServerState, User, UserQuery
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.web.api.models import USER_KEYS
from plughub.web.authorization import check_access
from plughub.web.pages.admin.base import AdminPageHandler, shows_section
from plughub.web.pages.admin.list_view import requested_view
from plughub.web.pages.admin.navigation import USERS
from plughub.web.pages.admin.rows import Rows
from plughub.words import _

SORTABLE = ("name", "last_activity", "id")


class UsersPageHandler(AdminPageHandler):
    """``/hub/admin/users``."""

    section = USERS

    @shows_section
    async def get(self) -> None:
        """List the users that the viewer may list."""
        view = requested_view(self, sortable=SORTABLE, sort="name", filters={"state": "", "group": ""})
        scopes, state = self.visitor.scopes, view.filters["state"]
        query = UserQuery(
            within=coverage_of(scopes, "list:users"),
            state=ServerState(state) if state in set(ServerState) else None,
            group=view.filters["group"],
            name_filter=view.text,
            sort=view.sort,
            descending=view.descending,
            offset=view.offset,
            limit=view.size,
        )
        found = await self.services.user_admin.page(query)
        if self.redirect_from_missing_page(view.with_total(found.total)):
            return
        rows, names = Rows(self), self.services.console_lists.group_names
        listed = await names(coverage_of(scopes, "list:groups"))
        await self.render_admin(
            "admin/users.html",
            view=view.with_total(found.total),
            users=[rows.user(user, found.servers.get(user.id, [])) for user in found.users],
            may_create=self.visitor.may("admin:users"),
            may_create_admins=self.visitor.user.admin,
            group_options=[("", _("any")), *((name, name) for name in listed)] if listed else [],
            group_choices=await names(coverage_of(scopes, "groups")),
            users_api_url=self.hub_path("api", "users"),
            groups_api_url=self.hub_path("api", "groups"),
        )


class UserPageHandler(AdminPageHandler):
    """``/hub/admin/users/:name``."""

    section = USERS

    @shows_section
    async def get(self, name: str) -> None:
        """Show a user with servers, groups, tokens and sessions."""
        await check_access(self, USER_KEYS, ScopeFilter.user(name))
        found = await self.services.users.details(name, servers=True)
        user, scopes = found.user, self.visitor.scopes
        row = Rows(self).user(user, found.servers)
        groups = coverage_of(scopes, "groups")
        joinable = await self.services.console_lists.group_names(groups)
        await self.render_admin(
            "admin/user.html",
            heading=user.name,
            person=row,
            removable={group for group in user.groups if groups.covers(ScopeFilter.group(group))},
            joinable=[group for group in joinable if group not in user.groups],
            groups_api_url=self.hub_path("api", "groups"),
            invitable=ONETIME in self.context.login_methods and "admin:users" in row["may"],
            may_name_admins=self.visitor.user.admin,
            is_self=user.id == self.visitor.user.id,
            named_servers=self.services.settings.allow_named_servers,
            audit_url=self._audit_url(user),
            **await self._credentials(user, row["may"]),
        )

    async def _credentials(self, user: User, may: frozenset[str]) -> dict[str, Any]:
        """Return the tokens and sessions of a user, if the viewer may see them."""
        if "read:tokens" not in may:
            return {"tokens": None, "login_sessions": None}
        tokens = await self.services.tokens.of_user(user)
        sessions = await self.services.sessions.of_user(user)
        return {
            "tokens": sorted(tokens, key=lambda token: -token.id),
            "login_sessions": [session_row(session) for session in sessions],
        }

    def _audit_url(self, user: User) -> str:
        may = self.visitor.may("read:audit") and self.context.audit is not None
        return f"{self.admin_path('audit')}?{urlencode({'user': user.name})}" if may else ""


def session_row(session: LoginSession) -> dict[str, Any]:
    """Return the template variables of a login session."""
    return {
        "id": f"s{session.id}",
        "agent": session.agent,
        "address": session.address,
        "plugin": session.plugin,
        "created": datetime.fromtimestamp(session.created, UTC),
        "seen": datetime.fromtimestamp(session.seen, UTC),
        "expires": datetime.fromtimestamp(session.expires, UTC),
    }
