"""Between the records of the contract and what authenticator classes deal in: auth models and errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from plughub.domain.errors import ForbiddenError, UnauthorizedError
from plughub.kinds import Identity, Login

_CLIENT_ERRORS: Final = range(400, 500)
_NOT_ALLOWED: Final = "You may not log in."


@dataclass(frozen=True, slots=True)
class AuthenticatorUser:
    """A user, as methods of an authenticator get her.

    Attributes:
        name: normalised name.
        admin: whether she is an admin.
        groups: names of her groups.
        auth_state: the secrets saved at her last login.
    """

    name: str
    admin: bool = False
    groups: tuple[str, ...] = ()
    auth_state: Mapping[str, Any] | None = field(default=None, repr=False)

    async def get_auth_state(self) -> dict[str, Any] | None:
        """Answer a copy of the saved secrets."""
        return None if self.auth_state is None else dict(self.auth_state)


def user_of(identity: Identity) -> AuthenticatorUser:
    """Make the user object for a method of an authenticator.

    Args:
        identity: the person.

    Returns:
        The user.
    """
    groups = tuple(sorted(identity.groups or ()))
    return AuthenticatorUser(identity.name, bool(identity.admin), groups, identity.auth_state)


def form_data(login: Login) -> dict[str, str]:
    """Make the ``data`` argument of `Authenticator.authenticate`.

    Args:
        login: what was sent.

    Returns:
        The fields of the form; name and password cannot be overridden by other fields.
    """
    return {**login.form, "username": login.username, "password": login.password}


def model_of(identity: Identity) -> dict[str, Any]:
    """Make the auth model that check_allowed, is_admin and post_auth_hook get.

    Args:
        identity: the person.

    Returns:
        The auth model.
    """
    return {
        "name": identity.name,
        "admin": identity.admin,
        "auth_state": None if identity.auth_state is None else dict(identity.auth_state),
        "groups": None if identity.groups is None else sorted(identity.groups),
        "user_info": dict(identity.user_info),
        "exists": identity.exists,
    }


def updated(identity: Identity, model: Mapping[str, Any]) -> Identity:
    """Take over what an auth model says; what it does not name stays.

    Args:
        identity: the person so far.
        model: the auth model; its name is not looked at.

    Returns:
        The person.
    """
    groups = model.get("groups", identity.groups)
    return replace(
        identity,
        admin=model.get("admin", identity.admin),
        auth_state=model.get("auth_state", identity.auth_state),
        groups=None if groups is None else frozenset(groups),
        user_info=model.get("user_info", identity.user_info) or {},
    )


def refusal_of(error: Exception) -> str | None:
    """Tell whether an error means that the person is refused.

    Args:
        error: raised by a method of an authenticator. An error with a ``status_code`` of 400 to 499,
            such as ``tornado.web.HTTPError``, counts like `ForbiddenError`.

    Returns:
        What the person reads, or None when the error is a failure of the authenticator.
    """
    if isinstance(error, ForbiddenError | UnauthorizedError):
        return error.message
    if getattr(error, "status_code", None) not in _CLIENT_ERRORS or not hasattr(error, "log_message"):
        return None
    return _formatted(error.log_message, error.args) or getattr(error, "reason", None) or _NOT_ALLOWED


def _formatted(message: str | None, args: tuple[object, ...]) -> str:
    """Fill a message in as logging does; tornado doubles the percent signs of one without arguments."""
    try:
        return message % args if message else ""
    except (TypeError, ValueError):
        return message or ""
