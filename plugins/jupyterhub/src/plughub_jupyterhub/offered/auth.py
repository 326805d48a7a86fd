"""Names of ``jupyterhub.auth``."""

from __future__ import annotations

from typing import Any

from plughub import auth as plughub_auth
from plughub.kinds import Login, RequestInfo
from plughub_jupyterhub.database import database
from plughub_jupyterhub.pending_logins import current_login

__all__ = ["Authenticator", "LocalAuthenticator"]


class Authenticator(plughub_auth.Authenticator):
    """``jupyterhub.auth.Authenticator``: what it has beyond the class of plughub."""

    own_event_loop = True

    def logout_url(self, base_url: str) -> str:
        """Return the address of the logout page."""
        return f"{base_url.rstrip('/')}/logout"

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
        """Call ``authenticate``, and tell the page that began the login what it raises."""
        try:
            return await super().run_authenticate(plugin, handler, data)
        except Exception as error:
            if login := current_login():
                login.error = error
            raise

    async def run_post_auth_hook(self, handler: Any, auth_model: dict[str, Any]) -> dict[str, Any]:
        """Run post_auth_hook, and tell the page that began the login who logs in."""
        model = await super().run_post_auth_hook(handler, auth_model)
        if login := current_login():
            login.name = model["name"]
        return model


class LocalAuthenticator(Authenticator, plughub_auth.LocalAuthenticator):
    """``jupyterhub.auth.LocalAuthenticator``."""
