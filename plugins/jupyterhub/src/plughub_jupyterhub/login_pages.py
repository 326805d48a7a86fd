"""Login and logout pages of packages."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus, urlencode

from tornado.web import HTTPError

from plughub.handlers import LoginPage
from plughub.names import shorten
from plughub_jupyterhub.page_handler import BaseHandler
from plughub_jupyterhub.page_loop import at_home
from plughub_jupyterhub.page_templates import AwaitableText

_WRONG = "Invalid username or password"


class LoginHandler(BaseHandler, LoginPage):
    """``jupyterhub.handlers.LoginHandler``: the login form of one authenticator."""

    async def get(self) -> None:
        """Show the form; redirect if the user is logged in already, or if the login begins elsewhere."""
        self.context.metrics.count_login_page()
        if user := self.current_user:
            self.redirect(self.get_next_url(user))
            return
        self.clear_stored_data()
        if self.authenticator.auto_login:
            await self._log_in_automatically()
            return
        self.renew_form()
        self.finish(await self._render(username=self.text_argument("username")))

    async def post(self) -> None:
        """Log in with the submitted form."""
        data = {
            name: self.get_body_argument(name, strip=name == "username")
            for name in self.request.body_arguments
            if name != "_xsrf"
        }
        if user := await self.login_user(data):
            self.redirect(self.get_next_url(user))
            return
        self.set_status(403)
        username = shorten(data.get("username", ""))
        self.finish(await self._render(login_error=self._refusal or _WRONG, username=username))

    def show(self, *, username: str = "", error: str = "") -> None:
        """Show the form with an error."""
        self.finish(self._render(login_error=error, username=username))

    def _render(
        self, login_error: str | None = None, username: str | None = None, **variables: Any
    ) -> AwaitableText:
        """Return the page."""
        begin = self.authenticator.login_url(self.hub_path())
        action = begin if begin == self.request.path else self.settings["login_url"]
        context = {
            "next": quote_plus(self.next_url),
            "username": username or "",
            "login_error": login_error or "",
            "login_url": self._with_next(action),
            "authenticator_login_url": self._with_next(begin),
            "authenticator": self.authenticator,
            "xsrf": self.xsrf_token.decode(),
            "csp_nonce": self.csp_nonce,
        }
        html = self.authenticator.get_custom_html(self.hub_path())
        return self.render_template(
            "login.html",
            **context,
            login_form=not html,
            login_buttons=(),
            custom_html=self.application.templates.render_text(html, **context) if html else "",
            insecure=self._is_insecure(),
            **variables,
        )

    async def _log_in_automatically(self) -> None:
        begin = self.authenticator.login_url(self.hub_path())
        if begin != self.hub_path("login"):
            self.redirect(self._with_next(begin))
            return
        user = await self.login_user()
        if user is None:
            raise HTTPError(403, self._refusal or _WRONG)
        self.redirect(self.get_next_url(user))

    def _with_next(self, url: str) -> str:
        return f"{url}?{urlencode({'next': self.next_url})}" if self.next_url else url


class LogoutHandler(BaseHandler):
    """``jupyterhub.handlers.LogoutHandler``."""

    async def get(self) -> None:
        """Log out, and show what the authenticator shows after a logout."""
        await self.default_handle_logout()
        await self.handle_logout()
        await self.render_logout_page()

    async def default_handle_logout(self) -> None:
        """End the session."""
        await at_home(self.log_out())

    async def handle_logout(self) -> None:
        """Do nothing; for subclasses."""

    async def render_logout_page(self) -> None:
        """Redirect to the login page."""
        self.redirect(self.hub_path("login"))
