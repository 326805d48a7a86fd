"""Names of ``jupyterhub.auth``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from traitlets import Set, default

from plughub import auth as plughub_auth
from plughub.kinds import Login, RequestInfo
from plughub.threads import EventLoopThread
from plughub_jupyterhub.database import database
from plughub_jupyterhub.pending_logins import current_login

__all__ = ["Authenticator", "LocalAuthenticator"]


class Authenticator(plughub_auth.Authenticator):
    """``jupyterhub.auth.Authenticator``: what it has beyond the class of plughub."""

    own_event_loop = True
    _added_users = Set(help="Users whom ``add_user`` has added to allowed_users.")

    def logout_url(self, base_url: str) -> str:
        """Return the address of the logout page."""
        return f"{base_url.rstrip('/')}/logout"

    @default("loop_thread")
    def _loop_of_parent(self) -> EventLoopThread | None:
        """Return the thread of the authenticator that has made this one, as one of several."""
        return getattr(self.parent, "loop_thread", None)

    def of_login(self) -> plughub_auth.Authenticator:
        """Return the authenticator of the page that began the login, if this one has made it."""
        login = current_login()
        found = login.handler.authenticator if login else None
        return found if isinstance(found, Authenticator) and found.parent is self else self

    def get_handlers(self, app: Any) -> Iterable[tuple[Any, ...]]:
        """Return a login page if another authenticator has made this one; else the hub's page serves."""
        if not isinstance(self.parent, Authenticator):
            return super().get_handlers(app)
        from plughub_jupyterhub.login_pages import LoginHandler  # noqa: PLC0415 - imports jupyterhub.auth

        return [("/login", LoginHandler)]

    def request_handler(self, request: RequestInfo | None, base_url: str) -> Any:
        """Return the handler of the page that began the login; a copy of the request for any other."""
        login = current_login()
        return login.handler if login else super().request_handler(request, base_url)

    def login_data(self, login: Login) -> Any:
        """Return what the page that began the login passed to ``login_user``; else the fields of the form."""
        pending = current_login()
        return pending.data if pending else super().login_data(login)

    @property
    def db(self) -> Any:
        """Session of the database."""
        return database.session

    async def run_authenticate(self, plugin: str, handler: Any, data: Any) -> Any:
        """Call ``authenticate``, and tell the page that began the login what it raises.

        An authenticator that only combines others has no ``authenticate``, and no form of its own.
        """
        if not self._can_authenticate():
            self.log.warning(
                "%s cannot check the hub's login form: it has no authenticate", type(self).__name__
            )
            return None
        try:
            return await super().run_authenticate(plugin, handler, data)
        except Exception as error:
            if login := current_login():
                login.error = error
            raise

    def check_allow_config(self) -> None:
        """Log a warning if no setting permits logins, unless the settings of other authenticators do."""
        if self._can_authenticate():
            super().check_allow_config()

    def _can_authenticate(self) -> bool:
        return type(self).authenticate is not plughub_auth.Authenticator.authenticate

    async def run_add_user(self, plugin: str, user: Any) -> None:
        """Call ``add_user``, and remember whether it allows the user to log in again."""
        was_allowed = user.name in self.allowed_users
        await super().run_add_user(plugin, user)
        if not was_allowed and user.name in self.allowed_users:
            self._added_users.add(user.name)

    def note_existence(self, username: str, *, exists: bool) -> None:
        """Remove a deleted user whom ``add_user`` has allowed, as oauthenticator does for existing users."""
        if not exists and username in self._added_users:
            self._added_users.discard(username)
            self.allowed_users.discard(username)

    async def run_post_auth_hook(self, handler: Any, auth_model: dict[str, Any]) -> dict[str, Any]:
        """Run post_auth_hook, and tell the page that began the login who logs in."""
        model = await super().run_post_auth_hook(handler, auth_model)
        if login := current_login():
            login.name = model["name"]
        return model


class LocalAuthenticator(plughub_auth.LocalAuthenticator, Authenticator):
    """``jupyterhub.auth.LocalAuthenticator``.

    The class of plughub comes first, so that its methods also precede those of a class that a subclass
    inherits from besides: ``LocalGitHubOAuthenticator`` must check system users before anything else.
    """


try:
    _PAM: Any = plughub_auth.PAMAuthenticator  # type: ignore[attr-defined]
except ImportError:  # plughub-pam is not installed
    pass
else:

    class PAMAuthenticator(_PAM, LocalAuthenticator):  # type: ignore[misc]
        """``jupyterhub.auth.PAMAuthenticator``."""

    __all__ += ["PAMAuthenticator"]

try:
    _Dummy: Any = plughub_auth.DummyAuthenticator  # type: ignore[attr-defined]
except ImportError:  # plughub-dummy is not installed
    pass
else:

    class DummyAuthenticator(_Dummy, Authenticator):  # type: ignore[misc]
        """``jupyterhub.auth.DummyAuthenticator``."""

    __all__ += ["DummyAuthenticator"]
