"""Confirmation of the user's identity before actions that need a recent login."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from plughub.domain.errors import ForbiddenError
from plughub.domain.words import _
from plughub.kinds import LoginMethod
from plughub.services.users.login import Session
from plughub.web.pages.login import LoginHandler
from plughub.web.pages.sessions import begin_session, log_in_with_fields


class ConfirmHandler(LoginHandler):
    """``/hub/confirm?next=…``: a login form for the logged-in user."""

    own_parameters = LoginHandler.own_parameters | {"user"}

    @property
    def methods(self) -> Mapping[str, LoginMethod]:
        """Return the login method that the user used; all methods if it is unknown or has no form or
        address.
        """
        methods = super().methods
        session = self.principal.session if self.principal else None
        plugin = session.plugin if session else ""
        used = methods.get(plugin, LoginMethod(form=False))
        return {plugin: used} if used.form or used.url else methods

    async def get(self) -> None:
        """Show the form, or continue after a login elsewhere."""
        user = self.visitor.user
        expected = self.get_query_argument("user", "")
        if expected not in {"", user.name}:
            raise ForbiddenError(
                _(
                    "You are now logged in as %(user)s, but %(expected)s has to confirm this.",
                    user=user.name,
                    expected=expected[:64],
                ),
                hint=_("Log out, then log in as %(expected)s.", expected=expected[:64]),
            )
        if self.is_confirmed:
            self.redirect(self._after())
            return
        self.show(username=user.name)

    async def check_form(self, username: str, password: str, form: Mapping[str, str]) -> Session:
        """Log in the same user again.

        Raises:
            ForbiddenError: the credentials are wrong or belong to another user.
        """
        return await log_in_with_fields(self, username, password, form, only=self.visitor.user.name)

    async def finish_login(self, session: Session) -> str:
        """Set the cookies of the new session and return the address to continue to."""
        return await begin_session(self, session, self._after())

    def show(self, *, username: str = "", error: str = "") -> None:
        """Show the form; the ordinary login page if the login has ended meanwhile."""
        if self.principal is None:
            super().show(error=error)
            return
        user = self.visitor.user
        back = {"user": user.name, **({"next": self.next_url} if self.next_url else {})}
        self.show_methods(
            "confirm.html",
            username=username or user.name,
            error=error,
            action=self.with_next(self.hub_path("confirm"), self.hub_path("home")),
            after=f"{self.hub_path('confirm')}?{urlencode(back)}",
        )

    def _after(self) -> str:
        return self.onward(self.hub_path("home"))
