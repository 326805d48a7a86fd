"""The module that the hub loads for ``--plugins null``: no user can log in."""

from __future__ import annotations

from plughub import hookimpl
from plughub.kinds import Identity, Login, LoginMethod

hub_contract = "1.0"


@hookimpl
def hub_login_method() -> LoginMethod:
    """Show no form on the login page."""
    return LoginMethod(form=False)


@hookimpl
def hub_authenticate(login: Login) -> Identity | None:  # noqa: ARG001 - every login is refused
    """Refuse every login."""
    return None
