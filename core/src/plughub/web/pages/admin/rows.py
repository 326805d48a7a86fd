"""Rows of the console's lists, limited to what the viewer may see and do."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from plughub.domain.explanations import explained
from plughub.domain.names import quote_path
from plughub.domain.scopes import ScopeFilter, coverage_of
from plughub.domain.servers import ServerRecord, profile_of
from plughub.domain.users import User
from plughub.web.api.models import Models, server_api_path
from plughub.web.authorization import LOG_SCOPES
from plughub.web.pages.admin.base import AdminPageHandler
from plughub.web.pages.base import describe_problem

OVER_USERS: Final = ("admin:users", "delete:users", "tokens", "read:tokens", "read:servers", "groups")
"""Scopes on which the controls of a user depend."""
OVER_SERVERS: Final = (
    *("start:servers", "delete:servers", "access:servers", "read:servers"),
    *("admin:servers", "admin:server_state"),
)
"""Scopes on which the controls of a server depend."""


class Rows:
    """Builder of rows for one viewer.

    Args:
        handler: handler of the request.
    """

    def __init__(self, handler: AdminPageHandler) -> None:
        self._handler = handler
        self._settings = handler.services.settings
        held = handler.visitor.scopes
        self._coverages = {scope: coverage_of(held, scope) for scope in (*OVER_USERS, *OVER_SERVERS)}
        self._models = Models(self._settings, held)
        self._page_of_users = f"{handler.admin_path('users')}/"
        self._api_of_users = f"{handler.hub_path('api', 'users')}/"

    def user(self, user: User, servers: Iterable[ServerRecord] = ()) -> dict[str, Any]:
        """Return the row of a user: the keys of the API's model that the viewer may see, and ``may``.

        Args:
            user: the user.
            servers: servers of the user.
        """
        shown = [self.server(server, user.groups) for server in servers]
        visible = [server for server in shown if "read:servers" in server["may"]]
        default = next((server for server in visible if not server["name"]), None)
        name = quote_path(user.name)
        return {
            **self._models.user(user),
            "path": self._page_of_users + name,
            "api_url": self._api_of_users + name,
            "may": self._allowed(OVER_USERS, ScopeFilter.user(user.name), user.groups),
            "servers": visible,
            "default": default or self._stopped(user),
        }

    def _stopped(self, user: User) -> dict[str, Any]:
        """Return the part of a row for a default server that was not read, because it is not active."""
        return {
            "full_name": user.name,
            "may": self._allowed(OVER_SERVERS, ScopeFilter.server(user.name, ""), user.groups),
            "api_url": f"{self._api_of_users}{quote_path(user.name)}/server",
            "ready": False,
            "active": False,
        }

    def server(self, server: ServerRecord, groups: Collection[str]) -> dict[str, Any]:
        """Return the row of a server, given the groups of its user."""
        may = self._allowed(OVER_SERVERS, ScopeFilter.server(server.user, server.name), groups)
        details = "admin:server_state" in may
        spawner = self._settings.spawners.get(server.backend)
        return {
            "id": f"server-{server.id}",
            "user": server.user,
            "name": server.name,
            "label": server.display_name or server.name,
            "full_name": server.full_name if server.name else server.user,
            "may": may,
            "url": self._handler.link_to(server) if server.ready else "",
            "api_url": server_api_path(self._settings, server),
            "spawn_url": "" if server.active else self._handler.spawn_path(server.user, server.name),
            "logs_url": "" if may.isdisjoint(LOG_SCOPES) else self._logs_path(server),
            "profile": profile_of(server),
            "backend": (spawner.label if spawner else "") or server.backend,
            "host": server.host,
            "started": server.started if server.active else None,
            "last_activity": server.last_activity,
            "ready": server.ready,
            "active": server.active,
            "pending": server.pending,
            "place": server.operation.place if server.operation else None,
            "unknown": explained(server.unknown, details=details),
            "unreachable": explained(server.unreachable, details=details),
            "trouble": describe_problem(server, details=details),
            "failed_message": server.failure.describe(details=details) if server.failure else "",
        }

    def _logs_path(self, server: ServerRecord) -> str:
        has_lines = server.active or server.failure is not None
        return self._handler.hub_path("logs", server.user, server.name) if has_lines else ""

    def _allowed(
        self, scopes: Iterable[str], resource: ScopeFilter, groups: Collection[str]
    ) -> frozenset[str]:
        return frozenset(scope for scope in scopes if self._coverages[scope].covers(resource, groups))
