"""Pages to log in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

from plughub.domain.errors import ForbiddenError, HubError, TooManyError
from plughub.domain.names import MAX_USERNAME
from plughub.domain.words import _
from plughub.kinds import LoginMethod, RequestInfo
from plughub.services.users.login import WRONG, Session
from plughub.services.users.login_links import FIELD
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.web.errors import error_answer, status_of
from plughub.web.pages.base import PageHandler
from plughub.web.pages.root import landing
from plughub.web.pages.sessions import begin_session, log_in_with_fields
from plughub.web.plugin_pages import hub_address
from plughub.web.xsrf import (
    is_anonymous_token,
    is_from_hub_page,
    is_from_other_origin,
    is_navigation,
    is_opened_by_user,
    is_typed,
    may_be_passed_on,
)

_NOT_FOR_PLUGINS = frozenset({"username", "password", "_xsrf", "next", FIELD})
_FORM_EXPIRED = _("The login form has expired. Try again.")
_SHOWN = 32


class LoginHandler(PageHandler):
    """``/hub/login``: one form for all methods that use it, and a button for each external login."""

    own_parameters = PageHandler.own_parameters | {"username", "password"}

    @property
    def methods(self) -> Mapping[str, LoginMethod]:
        """Return the login methods by plugin; authenticators that register none use the form."""
        registered = self.context.login_methods
        owners = self.services.hooks.caller.plugins.owners("authenticator")
        return {name: registered.get(name, LoginMethod()) for name in dict.fromkeys((*owners, *registered))}

    async def get(self) -> None:
        """Show the login methods; redirect if the user is logged in already."""
        self.context.metrics.count_login_page()
        if self.principal is not None:
            self.redirect(await landing(self, self.principal.user))
            return
        self.clear_stored_data()
        interactive = [method for method in self.methods.values() if method.form or method.url]
        if len(interactive) == 1 and interactive[0].url and self._redirects_automatically(interactive[0]):
            self.redirect(self._external_url(interactive[0], self._after()))
            return
        self.renew_form()
        self.show(username=self.get_argument("username", ""))

    def renew_form(self) -> None:
        """Restart the hour for which the form is valid."""
        if is_navigation(self.request):
            self.cookie_jar.set_xsrf(self.xsrf_token, lasting=False)

    def _redirects_automatically(self, method: LoginMethod) -> bool:
        is_from_server = self.next_url.startswith(self.hub_path("api", "oauth2", "authorize"))
        return method.auto or (method.auto_oauth and is_from_server)

    async def post(self) -> None:
        """Log in with the submitted form."""
        username = self.get_body_argument("username", "", strip=True)
        password = self.get_body_argument("password", "", strip=False)
        form = {
            name: self.get_body_argument(name, "", strip=False)
            for name in self.request.body_arguments
            if name not in _NOT_FOR_PLUGINS
        }
        try:
            with self.context.metrics.time_login():
                session = await self.check_form(username, password, form)
        except (ForbiddenError, TooManyError) as error:
            self._show_error(error)
            return
        self.redirect(await self.finish_login(session))

    async def check_form(self, username: str, password: str, form: Mapping[str, str]) -> Session:
        """Log in in this browser, replacing any current login.

        Args:
            username: as typed.
            password: as typed.
            form: the other fields.

        Returns:
            The session.

        Raises:
            ForbiddenError: the credentials are refused; the message is for the user.
        """
        return await log_in_with_fields(self, username, password, form)

    async def finish_login(self, session: Session) -> str:
        """Set the cookies of a new session and return the address to continue to."""
        return await begin_session(self, session)

    def check_xsrf(self) -> None:
        """Refuse a form that another site made the browser send, with a message for users.

        A form of the hub is accepted even when its cookie is missing: a login in another tab clears the
        cookie, and it expires after an hour.
        """
        try:
            super().check_xsrf()
        except ForbiddenError as error:
            sent = self.text_argument("_xsrf")
            is_ours = is_from_hub_page(self.request) and not self.is_from_foreign_origin
            if is_ours and is_anonymous_token(sent, self.context.cookie_secret, self.request):
                return
            self.application.log.warning("login form refused: %s", error.message)
            raise ForbiddenError(_FORM_EXPIRED) from error

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Show errors above the form."""
        error = kwargs.get("exc_info", (None, None))[1]
        forms = self.request.method == "POST" and isinstance(error, HubError)
        if not forms or not is_navigation(self.request):
            super().write_error(status_code, **kwargs)
            return
        self.cookie_jar.set_xsrf(self.xsrf_token, lasting=self.principal is not None)
        self._show_error(error)

    def _show_error(self, error: HubError) -> None:
        self.set_status(status_of(error))
        for header, value in error_answer(error, self.get_status()).headers.items():
            self.set_header(header, value)
        self.show(username=self.text_argument("username"), error=error.message)

    def show(self, *, username: str = "", error: str = "") -> None:
        """Show the login methods.

        Args:
            username: value of the form's field.
            error: message for the user; empty for none.
        """
        self.show_methods(
            "login.html",
            username=username,
            error=error,
            action=self.with_next(self.hub_path("login"), self.hub_path()),
            after=self._after(),
        )

    def _after(self) -> str:
        """Return the address to continue to after an external login; empty for the default."""
        root = self.hub_path()
        after = self.onward(root)
        return after if after != root else ""

    def show_methods(self, template: str, *, username: str, error: str, action: str, after: str) -> None:
        """Show login methods on a page.

        Args:
            template: template of the page.
            username: value of the form's field; shortened if it is too long for a name.
            error: message for the user; empty for none.
            action: address that the form is sent to.
            after: address to continue to after an external login.
        """
        methods = self.methods
        forms = [method for method in methods.values() if method.form and not method.url]
        buttons = [
            {"label": method.label or plugin, "url": self._external_url(method, after)}
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
                {
                    plugin: method.html
                    for plugin, method in methods.items()
                    if method in forms and method.html
                },
                **variables,
                xsrf=self.xsrf_token.decode(),
                csp_nonce=self.csp_nonce,
            ),
            nothing_asked=not forms and not buttons,
            one_time_links=ONETIME in methods,
            insecure=self._is_insecure(),
        )

    def _external_url(self, method: LoginMethod, after: str) -> str:
        path = hub_address(self.services.settings.hub_prefix, method.url or "")
        mark = "&" if "?" in path else "?"
        return f"{path}{mark}{urlencode({'next': after})}" if after else path

    def _is_insecure(self) -> bool:
        local = self.request.host_name in {"localhost", "127.0.0.1", "::1"}
        return self.request.protocol == "http" and not local and not self.context.options.secure_cookies


class OneTimeHandler(LoginHandler):
    """``/hub/login/onetime?token=…``: one-time login links."""

    own_parameters = LoginHandler.own_parameters | {"token"}

    def request_info(self, *, form: bool = False) -> RequestInfo | None:  # noqa: ARG002 - as everywhere
        """Return None: the address is the secret."""
        return None

    async def get(self) -> None:
        """Use the link if the user opened it; ask first if that is uncertain."""
        if self._is_prefetch():
            raise ForbiddenError("this link works only once", hint="Open it in a browser yourself.")
        token = self.get_query_argument("token", "")
        if self._needs_confirmation():
            url = self.with_next(self.hub_path("login", "onetime"), self.hub_path())
            self.render_page("confirm_login.html", token=token, url=url)
        else:
            await self._use(token)

    async def head(self, *path: str) -> None:
        """Leave the link unused: previews and scanners send HEAD requests."""

    async def post(self) -> None:
        """Use the link after the user confirmed the login."""
        await self._use(self.get_body_argument("token", ""))

    async def _use(self, token: str) -> None:
        try:
            with self.context.metrics.time_login():
                session = await self.check_form("", "", {FIELD: token})
        except ForbiddenError as error:
            if self.principal is not None:
                self.redirect(await landing(self, self.principal.user))
                return
            if error.message != WRONG:
                raise
            raise ForbiddenError(
                "This login link has expired, was already used, or is incomplete.",
                hint="Ask the administrator of the hub for a new link.",
            ) from error
        self.redirect(await self.finish_login(session))

    def _needs_confirmation(self) -> bool:
        """Return whether a program may have opened the link, or the link may be another user's.

        By sending a user a link to their own account, an attacker could make the user work in that account.
        """
        if not is_opened_by_user(self.request):
            return True
        if is_typed(self.request):
            return False
        if is_from_hub_page(self.request):
            return may_be_passed_on(self.request, self.services.settings.base_url)
        return is_from_other_origin(self.request) or self.principal is not None

    def _is_prefetch(self) -> bool:
        """Return whether the browser prefetches the link or requests it for something other than a page."""
        purpose = self.request.headers.get("Sec-Purpose", "") + self.request.headers.get("Purpose", "")
        return "prefetch" in purpose.lower() or not is_navigation(self.request)
