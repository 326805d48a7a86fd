"""Base class of the pages of packages, with the names of JupyterHub's handlers."""

from __future__ import annotations

from functools import partial
from typing import Any

from plughub.errors import HubError
from plughub.handlers import ForbiddenError
from plughub.kinds import Identity
from plughub_jupyterhub.page_facts import PageFacts
from plughub_jupyterhub.page_loop import at_home
from plughub_jupyterhub.page_templates import AwaitableText
from plughub_jupyterhub.pending_logins import pending_login
from plughub_jupyterhub.users import PageUser


class BaseHandler(PageFacts):
    """``jupyterhub.handlers.BaseHandler``: pages of authenticators and of ``extra_handlers``."""

    _landing = ""
    _refusal = ""
    _is_identified = False

    # ---- requests of other sites

    def check_xsrf(self) -> None:
        """Let `check_xsrf_cookie` check the request, now that its user is known."""
        self._is_identified = True
        self.check_xsrf_cookie()

    def check_xsrf_cookie(self) -> None:
        """Refuse a request that another site made the browser send.

        Pages to which other sites post forms override it, and check the requests themselves.
        """
        if self._is_identified:  # tornado calls it before
            super().check_xsrf()

    # ---- login

    async def login_user(self, data: Any = None) -> PageUser | None:
        """Authenticate a user, and log in the browser.

        Args:
            data: what ``authenticate`` receives.

        Returns:
            The user; None if the login is refused, for which the log has the reason.

        Raises:
            Exception: what ``authenticate`` raises.
        """
        fields = data if isinstance(data, dict) else {}
        username, password = (str(fields.get(name, "")) for name in ("username", "password"))
        with pending_login(self, data) as login:
            try:
                self._landing = await at_home(self.log_in_with_form(username, password))
            except HubError as error:
                if login.error is not None:
                    raise login.error from error
                if not isinstance(error, ForbiddenError):
                    raise
                self.log.info("login refused: %s", error.message)
                self._refusal = error.message
                return None
        return self._logged_in()

    async def authenticate(self, data: Any) -> dict[str, Any] | None:
        """Authenticate a user and log in the browser, and return the auth model; None if it is refused."""
        user = await self.login_user(data)
        return {"name": user.name, "admin": user.admin} if user else None

    async def auth_to_user(self, authenticated: Any, user: Any = None) -> Any:  # noqa: ARG002 - as there
        """Return the user of an auth model."""
        known = self._logged_in()
        name = authenticated["name"]
        return known if known is not None and known.name == name else self.user_from_username(name)

    def set_login_cookie(self, user: Any) -> None:
        """Log in the browser as a user whom the page has authenticated.

        The login is refused before the answer is sent unless the hub's rules allow it.
        """
        if user is None:
            raise ForbiddenError(self._refusal or "You are not allowed to log in.")
        known = (self.new_user, self.current_user)
        if user.name not in {each.name for each in known if each is not None}:
            self.add_step(partial(self._log_in_as, user.name))

    set_hub_cookie = set_service_cookie = set_login_cookie

    def get_session_cookie(self) -> str | None:
        """Return the id of the browser session; None if there is none."""
        return self.cookie_jar.session_id or None

    def set_session_cookie(self) -> str:
        """Return the id of the browser session; the login itself sets its cookie."""
        return self.cookie_jar.session_id

    def clear_login_cookie(self, name: str | None = None) -> None:  # noqa: ARG002 - as there
        """Log out the browser."""
        self.add_step(self.log_out)

    async def _log_in_as(self, name: str) -> None:
        with pending_login(self, None):
            await self.log_in(Identity(name=name))

    def _logged_in(self) -> PageUser | None:
        return PageUser(self.new_user, self.services) if self.new_user is not None else None

    # ---- addresses

    def get_next_url(self, user: Any = None, default: str | None = None) -> str:  # noqa: ARG002 - as there
        """Return the address to continue to after a login: ``next``, else the default, else the hub's own.

        Raises:
            ForbiddenError: the login was refused.
        """
        if self._refusal and self.new_user is None:
            raise ForbiddenError(self._refusal)
        return self.next_url or default or self._landing or self.hub_path()

    def redirect(self, url: str, permanent: bool = False, status: int | None = None) -> None:
        """Redirect to an address, but not to one of another site that the request itself names."""
        if url == self.text_argument("next"):
            url = self.next_url or self._landing or self.hub_path()
        super().redirect(url, permanent, status)

    def append_query_parameters(self, url: str, exclude: Any = None) -> str:  # noqa: ARG002 - as there
        """Return the address unchanged: parameters of the request are not passed on."""
        return url

    # ---- answers

    @property
    def template_namespace(self) -> dict[str, Any]:
        """Variables of all pages."""
        return {**self._shared(), "hub": self.hub, "login_url": self.settings["login_url"]}

    def get_template(self, name: str, sync: bool = False) -> Any:  # noqa: ARG002 - as there
        """Return a template of the hub or of a package."""
        return self.settings["jinja2_env"].get_template(name)

    def render_template(self, name: str, sync: bool = False, **variables: Any) -> AwaitableText:
        """Return a page as text that may also be awaited.

        Args:
            name: name of the template.
            sync: as in JupyterHub; has no effect.
            variables: variables of the page.
        """
        self.set_header("Cache-Control", "no-store")
        complete = self.application.templates.complete({**self.template_namespace, **variables})
        return AwaitableText(self.get_template(name, sync).render(complete))

    def _set_cookie(self, key: str, value: str, encrypted: bool = True, **attributes: Any) -> None:
        """Set a cookie that scripts cannot read."""
        options = {name.lower(): value for name, value in self.services.settings.cookie_options.items()}
        attributes = {"httponly": True, "secure": self.is_secure, **options, **attributes}
        (self.set_signed_cookie if encrypted else self.set_cookie)(key, value, **attributes)
