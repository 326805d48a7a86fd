"""Page to log out."""

from __future__ import annotations

from plughub.kinds import LoginMethod
from plughub.web.pages.base import PageHandler
from plughub.web.pages.sessions import end_session
from plughub.web.plugin_pages import hub_address, logout_path
from plughub.web.xsrf import is_from_hub_page, is_navigation


class LogoutHandler(PageHandler):
    """``/hub/logout``: ends the session here, or on the logout page of the plugin that began it."""

    async def get(self) -> None:
        """Log out; ask first unless a page of the hub led here."""
        if self.principal is None:
            await end_session(self)
            self.redirect(self.hub_path("login"))
        elif is_from_hub_page(self.request) and is_navigation(self.request):
            await self._log_out()
        else:
            self.render_page("logout.html", ask=True)

    async def head(self, *path: str) -> None:
        """Do not log out."""

    async def post(self) -> None:
        """Log out."""
        if self.principal is not None:
            await self._log_out()
        else:
            self.redirect(self.hub_path("login"))

    async def _log_out(self) -> None:
        session = self.principal.session if self.principal else None
        plugin = session.plugin if session else ""
        prefix = self.services.settings.hub_prefix
        if path := logout_path(plugin, self.context.pages):
            self.redirect(hub_address(prefix, path))
            return
        await end_session(self)
        method = self.context.login_methods.get(plugin, LoginMethod())
        if method.logout_redirect:
            self.redirect(hub_address(prefix, method.logout_redirect))
        elif any(method.auto for method in self.context.login_methods.values()):
            self.principal = None
            self.render_page("logout.html", ask=False)
        else:
            self.redirect(self.hub_path("login"))
