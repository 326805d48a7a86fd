"""Base class of the pages of packages, with the names of JupyterHub's handlers."""

from __future__ import annotations

from functools import partial
from logging import Logger, getLogger
from typing import Any

from traitlets.config import Config, LoggingConfigurable

from plughub.errors import HubError
from plughub.handlers import ForbiddenError
from plughub.kinds import Identity
from plughub_jupyterhub.database import database
from plughub_jupyterhub.hub_facts import HubFacts, Statsd, UserTable
from plughub_jupyterhub.page_loop import LoopPage, at_home
from plughub_jupyterhub.page_templates import AwaitableText, page_environment
from plughub_jupyterhub.pending_logins import pending_login
from plughub_jupyterhub.users import NamedUser, PageUser


class AppFacts(LoggingConfigurable):
    """Parent of configurables that a page creates."""


class BaseHandler(LoopPage):
    """``jupyterhub.handlers.BaseHandler``: pages of authenticators and of ``extra_handlers``."""

    _landing = ""
    _refusal = ""
    _is_identified = False

    def __init__(self, application: Any, request: Any, **kwargs: Any) -> None:
        application.settings.setdefault("base_url", application.context.services.settings.base_url)
        super().__init__(application, request, **kwargs)

    # ---- facts

    @property
    def log(self) -> Logger:
        """Logger of the authenticator, or of the plugin."""
        log: Logger = self.authenticator.log if self.authenticator else getLogger("plughub.jupyterhub")
        return log

    @property
    def hub(self) -> HubFacts:
        """Facts about the hub."""
        settings, prefix = self.services.settings, self.hub_path()
        return HubFacts(
            base_url=prefix,
            api_url=f"{settings.hub_url}{prefix}api",
            public_host=settings.hub_origin,
            cookie_name=self.cookie_jar.login_name,
        )

    @property
    def base_url(self) -> str:
        """Path prefix of the whole application, such as ``/``."""
        return self.services.settings.base_url

    @property
    def config(self) -> Config:
        """Configuration of the hub."""
        config: Config = self.authenticator.config if self.authenticator else Config()
        return config

    @property
    def app(self) -> AppFacts:
        """Parent for configurables, with configuration and log."""
        return AppFacts(config=self.config, log=self.log)

    @property
    def db(self) -> Any:
        """Session of the database."""
        return database.session

    @property
    def users(self) -> UserTable:
        """Users of the hub."""
        return UserTable(self)

    @property
    def statsd(self) -> Statsd:
        """Client of statsd that sends nothing."""
        return Statsd()

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the application, with the environment of templates and the address of the login page.

        For a page ``/login/NAME`` that address is its own, because forms are sent there.
        """
        application = self.application
        if "jinja2_env" not in application.settings:
            application.settings["jinja2_env"] = page_environment(application)
        login = self.hub_path("login")
        own = f"{login}/"
        path = self.request.path
        return {**application.settings, "login_url": path if path.startswith(own) else login}

    # ---- user

    @property  # type: ignore[misc] # the base class has a setter
    def current_user(self) -> PageUser | None:
        """User who is logged in; None without a login."""
        principal = self.principal
        return PageUser(principal.user, self.services) if principal and principal.is_user else None

    async def get_current_user(self) -> PageUser | None:  # type: ignore[override]
        """Return the user who is logged in; None without a login."""
        return self.current_user

    def get_current_user_cookie(self) -> PageUser | None:
        """Return the user whom the login cookie names; None without one."""
        return self.current_user

    def find_user(self, name: str) -> Any:
        """Return a user; None if there is none. The hub itself gets a coroutine."""
        return self.users.get(name) if self._is_running else super().find_user(name)

    def user_from_username(self, username: str) -> NamedUser:
        """Return a user for `set_login_cookie`, which the hub may still refuse."""
        normalize = self.authenticator.normalize_username if self.authenticator else str
        return NamedUser(normalize(username))

    @property
    def expanded_scopes(self) -> frozenset[str]:
        """Scopes of the request."""
        return self.principal.scopes if self.principal else frozenset()

    @property
    def parsed_scopes(self) -> dict[str, Any]:
        """Scopes of the request with their filters, as JupyterHub parses them."""
        from jupyterhub.scopes import parse_scopes  # noqa: PLC0415 - loads JupyterHub's database classes

        parsed: dict[str, Any] = parse_scopes(self.expanded_scopes)
        return parsed

    def has_scope(self, scope: str) -> bool:
        """Return whether the request has a scope, such as ``admin:users`` or ``servers!user=ada``."""
        name, _, given = scope.partition("!")
        return scope in self.expanded_scopes or (bool(given) and name in self.expanded_scopes)

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
        wanted = self.text_argument("next")
        if url == wanted and not self.next_url:
            url = self._landing or self.hub_path()
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
