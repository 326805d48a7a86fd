"""Logging in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

from plughub.domain.errors import ForbiddenError, HubError, TooManyError
from plughub.domain.names import MAX_USERNAME
from plughub.domain.sessions import SessionRequest
from plughub.domain.users import User
from plughub.kinds import LoginMethod
from plughub.services.users.login import WRONG, Session
from plughub.services.users.login_links import FIELD
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.web.errors import answer_to, status_of
from plughub.web.pages.base import PageHandler
from plughub.web.pages.root import landing
from plughub.web.xsrf import (
    is_from_elsewhere,
    is_handed_on,
    is_navigation,
    is_of_login_form,
    is_opened_by_user,
    is_typed,
    led_by_hub,
)

_NOT_FOR_PLUGINS = frozenset({"username", "password", "_xsrf", "next", FIELD})
_OUT_OF_DATE = "Login form invalid or expired. Try again."
_SHOWN = 32


class LoginHandler(PageHandler):
    """``/hub/login``: one form for all who take it, a button for each login elsewhere."""

    own_parameters = PageHandler.own_parameters | {"username", "password"}

    @property
    def methods(self) -> Mapping[str, LoginMethod]:
        """The ways to log in by plugin; who says nothing of it is asked with what the form sends."""
        said = self.context.login_methods
        owners = self.services.hooks.caller.plugins.owners("authenticator")
        return {name: said.get(name, LoginMethod()) for name in dict.fromkeys((*owners, *said))}

    async def get(self) -> None:
        """Show the ways to log in, or go on when somebody is logged in."""
        if self.principal is not None:
            self.redirect(await landing(self, self.principal.user))
            return
        self.forget_stored()
        asking = [method for method in self.methods.values() if method.form or method.url]
        if len(asking) == 1 and asking[0].url and self._goes_on_at_once(asking[0]):
            self.redirect(self._elsewhere(asking[0], self._after()))
            return
        if is_navigation(self.request):
            # The hour for which the form is good begins now.
            self.cookies_of_hub.set_xsrf(self.xsrf_token, lasting=False)
        self.show(username=self.get_argument("username", ""))

    def _goes_on_at_once(self, method: LoginMethod) -> bool:
        from_a_server = self.next_url.startswith(self.hub_path("api", "oauth2", "authorize"))
        return method.auto or (method.auto_oauth and from_a_server)

    async def post(self) -> None:
        """Log in with what the form sent."""
        username = self.get_body_argument("username", "", strip=True)
        password = self.get_body_argument("password", "", strip=False)
        form = {
            name: self.get_body_argument(name, "", strip=False)
            for name in self.request.body_arguments
            if name not in _NOT_FOR_PLUGINS
        }
        try:
            with self.context.metrics.login():
                session = await self.log_in(username, password, form)
        except (ForbiddenError, TooManyError) as error:
            self._show_error(error)
            return
        self.redirect(await self.enter(session))

    async def log_in(self, username: str, password: str, form: Mapping[str, str]) -> Session:
        """Log in in this browser, in place of whoever is logged in there.

        Args:
            username: as typed.
            password: as typed.
            form: the other fields.

        Returns:
            The session.

        Raises:
            ForbiddenError: refused; the message is for the person.
        """
        before = self.principal.session if self.principal else None
        wanted = SessionRequest(agent=self.client.agent, before=before)
        return await self.services.logins.log_in(
            username, password, form, remote_ip=self.client.remote_ip, wanted=wanted
        )

    async def enter(self, session: Session) -> str:
        """Set the cookies of somebody who logged in.

        Args:
            session: the login.

        Returns:
            Where to go next.
        """
        if session.session is not None:
            self.cookies_of_hub.log_in(session.key, session.session)
        return await self.landing(session.user)

    async def landing(self, user: User) -> str:
        """Give the address to go to after the login.

        Args:
            user: who logged in.

        Returns:
            The path.
        """
        return await landing(self, user)

    def check_xsrf(self) -> None:
        """Refuse a form that another site made the browser send, in words that help.

        A form of ours is accepted whose cookie is gone: by a login in another tab, or because it is old.
        """
        try:
            super().check_xsrf()
        except ForbiddenError as error:
            sent = self.text_argument("_xsrf")
            is_ours = led_by_hub(self.request) and not self.is_from_server
            if is_ours and is_of_login_form(sent, self.context.cookie_secret, self.request):
                return
            self.application.log.warning("login form refused: %s", error.message)
            raise ForbiddenError(_OUT_OF_DATE) from error

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Show what went wrong above the form."""
        error = kwargs.get("exc_info", (None, None))[1]
        forms = self.request.method == "POST" and isinstance(error, HubError)
        if not forms or not is_navigation(self.request):
            super().write_error(status_code, **kwargs)
            return
        self.cookies_of_hub.set_xsrf(self.xsrf_token, lasting=self.principal is not None)
        self._show_error(error)

    def _show_error(self, error: HubError) -> None:
        self.set_status(status_of(error))
        for header, value in answer_to(error, self.get_status()).headers.items():
            self.set_header(header, value)
        self.show(username=self.text_argument("username"), error=error.message)

    def show(self, *, username: str = "", error: str = "") -> None:
        """Show the ways to log in.

        Args:
            username: what was typed; nothing when it is longer than a name can be.
            error: why it did not work.
        """
        self.show_ways(
            "login.html",
            username=username,
            error=error,
            action=self.with_next(self.hub_path("login"), self.hub_path()),
            after=self._after(),
        )

    def _after(self) -> str:
        """Return where a login elsewhere leads to; empty for where the hub leads."""
        root = self.hub_path()
        after = self.onward(root)
        return after if after != root else ""

    def show_ways(self, template: str, *, username: str, error: str, action: str, after: str) -> None:
        """Show the ways to log in on a page.

        Args:
            template: of the page.
            username: what was typed; nothing when it is longer than a name can be.
            error: why it did not work.
            action: where the form is sent.
            after: where a login elsewhere leads.
        """
        methods = self.methods
        forms = [method for method in methods.values() if method.form and not method.url]
        buttons = [
            {"label": method.label or plugin, "url": self._elsewhere(method, after)}
            for plugin, method in methods.items()
            if method.url
        ]
        variables = {
            "next": quote_plus(self.next_url),
            "username": username if len(username) <= MAX_USERNAME else username[:_SHOWN] + "…",
            "login_error": error,
            "login_url": action,
            "authenticator_login_url": buttons[0]["url"] if buttons else action,
            "login_service": buttons[0]["label"] if buttons else "",
            "authenticator": next((method for method in forms if method.request_otp), LoginMethod()),
        }
        self.render_page(
            template,
            **variables,
            login_form=any(not method.html for method in forms),
            login_buttons=buttons,
            custom_html=self.application.templates.render_texts(
                {plugin: way.html for plugin, way in methods.items() if way in forms and way.html},
                **variables,
                xsrf=self.xsrf_token.decode(),
            ),
            nothing_asked=not forms and not buttons,
            one_time_links=ONETIME in methods,
            insecure=self._is_insecure(),
        )

    def _elsewhere(self, method: LoginMethod, after: str) -> str:
        url = method.url or ""
        path = url if url.startswith(("/", "https:", "http:")) else self.services.settings.hub_prefix + url
        mark = "&" if "?" in path else "?"
        return f"{path}{mark}{urlencode({'next': after})}" if after else path

    def _is_insecure(self) -> bool:
        local = self.request.host_name in {"localhost", "127.0.0.1", "::1"}
        return self.request.protocol == "http" and not local and not self.context.options.secure_cookies


class OneTimeHandler(LoginHandler):
    """``/hub/login/onetime?token=…``: a link that lets in once."""

    own_parameters = LoginHandler.own_parameters | {"token"}

    async def get(self) -> None:
        """Use a link up when a user opened it themselves; ask first where that is not certain."""
        if self._only_looks():
            raise ForbiddenError("this link is used up by opening it", hint="Open it in the browser itself.")
        token = self.get_query_argument("token", "")
        if self._asks_first():
            url = self.with_next(self.hub_path("login", "onetime"), self.hub_path())
            self.render_page("confirm_login.html", token=token, url=url)
        else:
            await self._use(token)

    async def head(self, *path: str) -> None:
        """Answer those who only look ahead, and leave the link as it is."""

    async def post(self) -> None:
        """Use a link up whose user was asked."""
        await self._use(self.get_body_argument("token", ""))

    async def _use(self, token: str) -> None:
        try:
            with self.context.metrics.login():
                session = await self.log_in("", "", {FIELD: token})
        except ForbiddenError as error:
            if self.principal is not None:
                self.redirect(await landing(self, self.principal.user))
                return
            if error.message != WRONG:
                raise
            raise ForbiddenError(
                "This login link has expired, was already used, or was copied in part.",
                hint="Ask the administrator of the hub for a new one.",
            ) from error
        self.redirect(await self.enter(session))

    def _asks_first(self) -> bool:
        """Tell whether a program may fetch the link for a preview, or it may be another person's.

        Whoever sends a user their own link has the user's browser work in their account.
        """
        if not is_opened_by_user(self.request):
            return True
        if is_typed(self.request):
            return False
        if led_by_hub(self.request):
            return is_handed_on(self.request, self.services.settings.base_url)
        return is_from_elsewhere(self.request) or self.principal is not None

    def _only_looks(self) -> bool:
        """Tell whether a browser says that it fetches the link ahead, or for something else than a page."""
        purpose = self.request.headers.get("Sec-Purpose", "") + self.request.headers.get("Purpose", "")
        return "prefetch" in purpose.lower() or not is_navigation(self.request)


class LogoutHandler(PageHandler):
    """``/hub/logout``."""

    async def get(self) -> None:
        """Log out; ask first unless a page of the hub led here."""
        user = self.principal.user if self.principal else None
        if user is None:
            self.forget_stored()
            self.cookies_of_hub.clear()
            self.redirect(self.hub_path("login"))
        elif not led_by_hub(self.request) or not is_navigation(self.request):
            self.render_page("logout.html", ask=True)
        else:
            await self._log_out(user)

    async def head(self, *path: str) -> None:
        """Log nobody out who only looks."""

    async def post(self) -> None:
        """Log out."""
        if self.principal is not None:
            await self._log_out(self.principal.user)
        else:
            self.redirect(self.hub_path("login"))

    async def _log_out(self, user: User) -> None:
        with self.context.metrics.logout():
            session = self.principal.session if self.principal else None
            if session is not None:
                await self.services.logins.log_out(user, session, remote_ip=self.request.remote_ip or "")
        if self.context.options.stop_on_logout:
            await self._stop_servers(user)
        self.forget_stored()
        self.cookies_of_hub.clear()
        if any(method.auto for method in self.context.login_methods.values()):
            self.principal = None
            self.render_page("logout.html", ask=False)
        else:
            self.redirect(self.hub_path("login"))

    async def _stop_servers(self, user: User) -> None:
        """Have everything of somebody stopped that runs; that goes on in the background."""
        for server in await self.services.servers.of_user(user):
            if server.ready:
                await self.services.servers.stop(server, by=self.by)
