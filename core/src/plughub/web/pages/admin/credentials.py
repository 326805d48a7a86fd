"""Tokens, login sessions and roles in the administration console."""

from __future__ import annotations

from typing import Any

from plughub.domain.lists import ListedToken, ListQuery, TokenQuery
from plughub.domain.scopes import ScopeFilter, coverage_of
from plughub.web.pages.admin.base import AdminPageHandler, shows_section
from plughub.web.pages.admin.list_view import requested_view
from plughub.web.pages.admin.navigation import ROLES, SESSIONS, TOKENS
from plughub.web.pages.admin.users import session_row
from plughub.words import _

_OF_CLIENTS = "applications"


class TokensPageHandler(AdminPageHandler):
    """``/hub/admin/tokens``."""

    section = TOKENS

    @shows_section
    async def get(self) -> None:
        """List the tokens whose owners the scopes of the viewer cover."""
        view = requested_view(self, filters={"kind": ""})
        found = await self.services.console_lists.tokens(
            TokenQuery(
                within=coverage_of(self.visitor.scopes, "read:tokens"),
                of_clients=view.filters["kind"] == _OF_CLIENTS,
                text=view.text,
                offset=view.offset,
                limit=view.size,
            )
        )
        if self.redirect_from_missing_page(view.with_total(found.total)):
            return
        await self.render_admin(
            "admin/tokens.html",
            view=view.with_total(found.total),
            tokens=[self._row(item) for item in found.items],
            kinds=[("", _("for programs")), (_OF_CLIENTS, _("of logins to servers and services"))],
        )

    def _row(self, item: ListedToken) -> dict[str, Any]:
        token, of_user = item.token, item.token.user_id is not None
        if of_user:
            owner, scope, kind = ScopeFilter.user(token.owner), "tokens", "users"
        else:
            owner, scope, kind = ScopeFilter.service(token.owner), "admin:services", "services"
        return {
            "token": token,
            "of_user": of_user,
            "path": self.admin_path("users", token.owner) if of_user else "",
            "api_url": self.hub_path("api", kind, token.owner, "tokens", f"a{token.id}"),
            "may_revoke": self.visitor.may(scope, resource=owner, groups=item.groups),
        }


class SessionsPageHandler(AdminPageHandler):
    """``/hub/admin/sessions``."""

    section = SESSIONS

    @shows_section
    async def get(self) -> None:
        """List the open login sessions of users whom the scopes of the viewer cover."""
        view = requested_view(self)
        here = self.visitor.session
        found = await self.services.console_lists.sessions(
            ListQuery(
                within=coverage_of(self.visitor.scopes, "read:tokens"),
                text=view.text,
                offset=view.offset,
                limit=view.size,
            )
        )
        if self.redirect_from_missing_page(view.with_total(found.total)):
            return
        ends = coverage_of(self.visitor.scopes, "tokens")
        await self.render_admin(
            "admin/sessions.html",
            view=view.with_total(found.total),
            login_sessions=[
                {
                    **session_row(item.session),
                    "user": item.user,
                    "path": self.admin_path("users", item.user),
                    "api_url": self.hub_path("api", "users", item.user, "sessions", f"s{item.session.id}"),
                    "current": here is not None and here.id == item.session.id,
                    "may_end": ends.covers(ScopeFilter.user(item.user), item.groups),
                }
                for item in found.items
            ],
        )


class RolesPageHandler(AdminPageHandler):
    """``/hub/admin/roles``."""

    section = ROLES

    @shows_section
    async def get(self) -> None:
        """List the roles with their scopes and holders."""
        await self.render_admin("admin/roles.html", roles=await self.services.console_lists.roles())
