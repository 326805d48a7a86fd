"""Routes of the administration console, relative to the hub's prefix."""

from __future__ import annotations

from plughub.web.pages.admin import (
    audit,
    credentials,
    groups,
    hub_services,
    insight,
    overview,
    servers,
    users,
)

_NAME = r"([^/]+)"

ADMIN_PAGES: tuple[tuple[str, type], ...] = (
    (r"/admin/?", overview.OverviewHandler),
    (r"/admin/users", users.UsersPageHandler),
    (rf"/admin/users/{_NAME}", users.UserPageHandler),
    (r"/admin/groups", groups.GroupsPageHandler),
    (rf"/admin/groups/{_NAME}", groups.GroupPageHandler),
    (r"/admin/servers", servers.ServersPageHandler),
    (r"/admin/services", hub_services.ServicesPageHandler),
    (r"/admin/sessions", credentials.SessionsPageHandler),
    (r"/admin/tokens", credentials.TokensPageHandler),
    (r"/admin/roles", credentials.RolesPageHandler),
    (r"/admin/audit", audit.AuditPageHandler),
    (r"/admin/audit\.csv", audit.CSVHandler),
    (r"/admin/audit\.json", audit.JSONHandler),
    (r"/admin/activity", insight.ActivityHandler),
    (r"/admin/usage", insight.UsageHandler),
    (r"/admin/health", insight.HealthHandler),
    (r"/admin/plugins", insight.PluginsHandler),
    (r"/admin/announcement", insight.AnnouncementPageHandler),
)
