"""First page of the administration console."""

from __future__ import annotations

from plughub import __version__
from plughub.web.pages.admin.base import AdminPageHandler, shows_section
from plughub.web.pages.admin.navigation import OVERVIEW


class OverviewHandler(AdminPageHandler):
    """``/hub/admin``."""

    section = OVERVIEW

    @shows_section
    async def get(self) -> None:
        """Show what the console contains."""
        self.render_admin("admin.html", server_version=__version__)
