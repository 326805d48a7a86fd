"""Proving again who one is, before something that a login of some time ago is not enough for."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from plughub.domain.errors import ForbiddenError
from plughub.domain.sessions import SessionRequest
from plughub.domain.users import User
from plughub.kinds import LoginMethod
from plughub.services.users.login import Session
from plughub.web.pages.login import LoginHandler


class ConfirmHandler(LoginHandler):
    """``/hub/confirm?next=…``: the login form for the user who is logged in, and for nobody else."""

    own_parameters = LoginHandler.own_parameters | {"user"}

    @property
    def methods(self) -> Mapping[str, LoginMethod]:
        """The way by which the user logged in; all ways when that is not known or asks for nothing."""
        methods = super().methods
        session = self.principal.session if self.principal else None
        plugin = session.plugin if session else ""
        used = methods.get(plugin, LoginMethod(form=False))
        return {plugin: used} if used.form or used.url else methods

    async def get(self) -> None:
        """Show the form, or go on after a login elsewhere."""
        user = self.visitor.user
        expected = self.get_query_argument("user", "")
        if expected not in {"", user.name}:
            raise ForbiddenError(
                f"You are logged in as {user.name} now, and {expected[:64]} was to confirm.",
                hint=f"Log out, and log in as {expected[:64]}.",
            )
        if self.is_confirmed:
            self.redirect(self._after())
            return
        self.show(username=user.name)

    async def log_in(self, username: str, password: str, form: Mapping[str, str]) -> Session:
        """Log the user in again; nobody else.

        Raises:
            ForbiddenError: refused, or another user; the message is for the person.
        """
        visitor, client = self.visitor, self.client
        wanted = SessionRequest(agent=client.agent, before=visitor.session, only=visitor.user.name)
        return await self.services.logins.log_in(
            username, password, form, remote_ip=client.remote_ip, wanted=wanted
        )

    async def landing(self, user: User) -> str:  # noqa: ARG002 - as for a login
        """Go where the browser came from."""
        return self._after()

    def show(self, *, username: str = "", error: str = "") -> None:
        """Show the ways to confirm; those to log in when nobody is logged in any more."""
        if self.principal is None:
            super().show(error=error)
            return
        user = self.visitor.user
        back = {"user": user.name, **({"next": self.next_url} if self.next_url else {})}
        self.show_ways(
            "confirm.html",
            username=username or user.name,
            error=error,
            action=self.with_next(self.hub_path("confirm"), self.hub_path("home")),
            after=f"{self.hub_path('confirm')}?{urlencode(back)}",
        )

    def _after(self) -> str:
        return self.onward(self.hub_path("home"))
