"""First page of the administration console."""

from __future__ import annotations

from typing import Any, Final

from plughub import __version__
from plughub.domain.lists import ListQuery, ServerFilter, ServerQuery
from plughub.domain.scopes import coverage_of
from plughub.domain.users import UserQuery
from plughub.web.pages.admin.base import AdminPageHandler, shows_section
from plughub.web.pages.admin.navigation import HEALTH, OVERVIEW, SERVERS, SESSIONS, USERS
from plughub.words import _

_SECTIONS: Final = {
    "users": USERS,
    "active": SERVERS,
    "troubled": SERVERS,
    "sessions": SESSIONS,
    "findings": HEALTH,
}
_PROBLEMS: Final = frozenset({"troubled", "findings"})
_LABELS: Final = {
    "users": _("users"),
    "active": _("active servers"),
    "troubled": _("servers with a problem"),
    "sessions": _("open sessions"),
    "findings": _("problems of the hub"),
}


class OverviewHandler(AdminPageHandler):
    """``/hub/admin``."""

    section = OVERVIEW

    @shows_section
    async def get(self) -> None:
        """Show numbers of the sections that the viewer sees, each limited to the scopes of the viewer."""
        scopes = self.visitor.scopes
        numbers = await self.services.console_lists.counts(
            users=UserQuery(within=coverage_of(scopes, "list:users")),
            servers={
                "active": self._servers(ServerFilter.ACTIVE),
                "troubled": self._servers(ServerFilter.TROUBLED),
            },
            sessions=ListQuery(within=coverage_of(scopes, "read:tokens")),
        )
        if HEALTH.is_shown(scopes):
            numbers = {**numbers, "findings": len((await self.services.monitor.report()).findings)}
        shown = [name for name, section in _SECTIONS.items() if section.is_shown(scopes)]
        tiles = [self._tile(name, numbers[name]) for name in shown if name not in _PROBLEMS or numbers[name]]
        await self.render_admin("admin.html", server_version=__version__, tiles=tiles)

    def _servers(self, state: ServerFilter) -> ServerQuery:
        return ServerQuery(within=coverage_of(self.visitor.scopes, "read:servers"), state=state)

    def _tile(self, name: str, number: int) -> dict[str, Any]:
        url = self.admin_path(_SECTIONS[name].path)
        if name == "troubled":
            url += f"?state={ServerFilter.TROUBLED}"
        return {"number": number, "label": _LABELS[name], "url": url, "is_bad": name in _PROBLEMS}
