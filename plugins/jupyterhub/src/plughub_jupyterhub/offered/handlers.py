"""Names of ``jupyterhub.handlers`` and of its modules ``base``, ``login`` and ``pages``."""

from __future__ import annotations

from dataclasses import dataclass
from logging import Logger, getLogger
from typing import Any

from plughub.handlers import ForbiddenError, PageHandler
from plughub_jupyterhub.pending_logins import pending_login

__all__ = ["BaseHandler", "LogoutHandler"]


@dataclass(frozen=True, slots=True)
class HubServer:
    """Address of the hub.

    Attributes:
        base_url: prefix of the hub, such as ``/hub/``.
    """

    base_url: str


@dataclass(frozen=True, slots=True)
class HubFacts:
    """The hub, for handlers.

    Attributes:
        base_url: prefix of the hub, such as ``/hub/``.
        server: the same, as an object.
    """

    base_url: str

    @property
    def server(self) -> HubServer:
        """Address of the hub."""
        return HubServer(self.base_url)


@dataclass(frozen=True, slots=True)
class LoggedInUser:
    """User of a handler.

    Attributes:
        name: the username.
        admin: whether the user is an admin.
    """

    name: str
    admin: bool = False


class BaseHandler(PageHandler):
    """``jupyterhub.handlers.BaseHandler``: pages of authenticators and of ``extra_handlers``.

    Attributes:
        authenticator: the authenticator that registered the page; None for ``extra_handlers``.
    """

    authenticator: Any = None
    _landing = ""

    @property
    def log(self) -> Logger:
        """Logger of the authenticator, or of the plugin."""
        log: Logger = self.authenticator.log if self.authenticator else getLogger("plughub.jupyterhub")
        return log

    @property
    def hub(self) -> HubFacts:
        """Facts about the hub."""
        return HubFacts(self.hub_path())

    @property
    def base_url(self) -> str:
        """Path prefix of the whole application, such as ``/``."""
        return self.hub_path().removesuffix("hub/")

    @property  # type: ignore[misc] # the base class has a setter
    def current_user(self) -> LoggedInUser | None:
        """User who is logged in; None without a login."""
        who = self.who
        return LoggedInUser(who.name, who.admin) if who and who.kind == "user" else None

    async def get_current_user(self) -> LoggedInUser | None:  # type: ignore[override]
        """Return the user who is logged in; None without a login."""
        return self.current_user

    async def login_user(self, data: Any = None) -> LoggedInUser | None:
        """Authenticate a user, and log in the browser.

        Args:
            data: what ``authenticate`` receives.

        Returns:
            The user; None if the login is refused, for which the log has the reason.
        """
        fields = data if isinstance(data, dict) else {}
        username, password = (str(fields.get(name, "")) for name in ("username", "password"))
        with pending_login(self, data) as login:
            try:
                self._landing = await self.log_in_with_form(username, password)
            except ForbiddenError as error:
                self.log.info("login refused: %s", error.message)
                return None
        return LoggedInUser(login.name)

    def get_next_url(self, user: Any = None, default: str | None = None) -> str:  # noqa: ARG002 - as there
        """Return the address to continue to after a login: ``next``, else the default, else the hub's own."""
        return self.next_url or default or self._landing or self.hub_path("home")

    def append_query_parameters(self, url: str, exclude: Any = None) -> str:  # noqa: ARG002 - as there
        """Return the address unchanged: parameters of the request are not passed on."""
        return url

    def _set_cookie(self, key: str, value: str, encrypted: bool = True, **attributes: Any) -> None:
        """Set a cookie that scripts cannot read."""
        attributes = {"httponly": True, "secure": self.is_secure, **attributes}
        (self.set_signed_cookie if encrypted else self.set_cookie)(key, value, **attributes)


class LogoutHandler(BaseHandler):
    """``jupyterhub.handlers.LogoutHandler``."""

    async def get(self) -> None:
        """Log out, and show what the authenticator shows after a logout."""
        await self.default_handle_logout()
        await self.handle_logout()
        await self.render_logout_page()

    async def default_handle_logout(self) -> None:
        """End the session."""
        await self.log_out()

    async def handle_logout(self) -> None:
        """Do nothing; for subclasses."""

    async def render_logout_page(self) -> None:
        """Redirect to the login page."""
        self.redirect(self.hub_path("login"))
