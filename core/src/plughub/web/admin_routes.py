"""Routes of the administration console, relative to the hub's prefix."""

from __future__ import annotations

from plughub.web.pages.admin import insight, overview

ADMIN_PAGES: tuple[tuple[str, type], ...] = (
    (r"/admin/?", overview.OverviewHandler),
    (r"/admin/activity", insight.ActivityHandler),
    (r"/admin/usage", insight.UsageHandler),
    (r"/admin/health", insight.HealthHandler),
    (r"/admin/plugins", insight.PluginsHandler),
    (r"/admin/announcement", insight.AnnouncementPageHandler),
)
