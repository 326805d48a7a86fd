"""What pages of packages know about the hub, its users and the request."""

from __future__ import annotations

from logging import Logger, getLogger
from typing import Any

from traitlets.config import Config, LoggingConfigurable

from plughub.threads import current_thread
from plughub_jupyterhub.database import database
from plughub_jupyterhub.hub_facts import HubFacts, Statsd, UserTable
from plughub_jupyterhub.page_loop import LoopPage
from plughub_jupyterhub.page_templates import page_environment
from plughub_jupyterhub.users import NamedUser, PageUser


class AppFacts(LoggingConfigurable):
    """Parent of configurables that a page creates."""


class PageFacts(LoopPage):
    """Page with the facts that JupyterHub's handlers have."""

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
        return super().find_user(name) if current_thread() is None else self.users.get(name)

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
