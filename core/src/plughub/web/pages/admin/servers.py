"""Servers of all users in the administration console."""

from __future__ import annotations

from plughub.domain.lists import SORTABLE_SERVERS, ServerFilter, ServerQuery
from plughub.domain.scopes import coverage_of
from plughub.web.pages.admin.base import AdminPageHandler, shows_section
from plughub.web.pages.admin.list_view import requested_view
from plughub.web.pages.admin.navigation import SERVERS
from plughub.web.pages.admin.rows import Rows
from plughub.words import _


class ServersPageHandler(AdminPageHandler):
    """``/hub/admin/servers``."""

    section = SERVERS

    @shows_section
    async def get(self) -> None:
        """List the servers that the viewer may see; those that are active unless others are asked for."""
        usual = {"state": ServerFilter.ACTIVE.value, "backend": ""}
        view = requested_view(self, sortable=SORTABLE_SERVERS, sort="-started", filters=usual)
        state = view.filters["state"]
        query = ServerQuery(
            within=coverage_of(self.visitor.scopes, "read:servers"),
            state=ServerFilter(state) if state in set(ServerFilter) else None,
            backend=view.filters["backend"],
            text=view.text,
            sort=view.sort,
            descending=view.descending,
            offset=view.offset,
            limit=view.size,
        )
        found = await self.services.console_lists.servers(query)
        if self.redirect_from_missing_page(view.with_total(found.total)):
            return
        rows = Rows(self)
        spawners = self.services.settings.spawners
        await self.render_admin(
            "admin/servers.html",
            view=view.with_total(found.total),
            servers=[rows.server(item.server, item.user.groups) for item in found.items],
            users_url=self.admin_path("users"),
            states=_states(),
            backends=[("", _("any")), *((name, info.label or name) for name, info in spawners.items())],
            several_backends=len(spawners) > 1,
        )


def _states() -> list[tuple[str, str]]:
    names = {
        "": _("all"),
        ServerFilter.ACTIVE: _("active"),
        ServerFilter.RUNNING: _("running"),
        ServerFilter.PENDING: _("starting or stopping"),
        ServerFilter.TROUBLED: _("with a problem"),
        ServerFilter.FAILED: _("failed"),
        ServerFilter.STOPPED: _("stopped"),
    }
    return [(str(value), label) for value, label in names.items()]
