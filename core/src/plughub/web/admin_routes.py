"""Routes of the administration console, relative to the hub's prefix."""

from __future__ import annotations

from plughub.web.pages.admin import overview

ADMIN_PAGES: tuple[tuple[str, type], ...] = ((r"/admin/?", overview.OverviewHandler),)
