"""Conversion between records of the hooks and the models and errors of authenticator classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from plughub.domain.errors import ForbiddenError, UnauthorizedError
from plughub.domain.names import normalize_username
from plughub.kinds import Identity, Login, ManagedRole, UserInfo

_CLIENT_ERRORS: Final = range(400, 500)
_MEMBERS: Final = ("users", "groups", "services")
_ROLE_KEYS: Final = {"name", "description", "scopes", *_MEMBERS}
_NOT_ALLOWED: Final = "You are not allowed to log in."


@dataclass(frozen=True, slots=True)
class AuthenticatorUser:
    """User, as passed to the methods of an authenticator.

    Attributes:
        name: normalised username.
        admin: whether the user is an admin.
        groups: names of the user's groups.
        auth_state: secrets that were saved at the last login.
    """

    name: str
    admin: bool = False
    groups: tuple[str, ...] = ()
    auth_state: Mapping[str, Any] | None = field(default=None, repr=False)

    async def get_auth_state(self) -> dict[str, Any] | None:
        """Return a copy of the saved secrets."""
        return None if self.auth_state is None else dict(self.auth_state)


def user_of(source: Identity | UserInfo) -> AuthenticatorUser:
    """Create the user object for a method of an authenticator."""
    groups = tuple(sorted(source.groups or ()))
    name = login_name(source) if isinstance(source, Identity) else source.name
    return AuthenticatorUser(name, bool(source.admin), groups, source.auth_state)


def login_name(identity: Identity) -> str:
    """Return the name by which the authenticator knows a user, which may differ from the username."""
    return identity.login_name or identity.name


def managed_role(given: Any) -> ManagedRole:
    """Read a role that an authenticator returns.

    Args:
        given: a dictionary with ``name`` and any of ``description``, ``scopes``, ``users``, ``groups`` and
            ``services``, like those of ``JupyterHub.load_roles``; or the record.

    Raises:
        TypeError: it is neither; the message says what is wrong.
    """
    if isinstance(given, ManagedRole):
        return given
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise TypeError(f"a role must be a dict with 'name', not {type(given).__name__}")
    name, description, scopes = given["name"], given.get("description"), given.get("scopes")
    if unknown := set(given) - _ROLE_KEYS:
        raise TypeError(f"role {name!r} has unknown keys: {', '.join(sorted(map(str, unknown)))}")
    members = {kind: _names(given.get(kind), f"the {kind} of role {name!r}") for kind in _MEMBERS}
    return ManagedRole(
        name=name,
        description=None if description is None else str(description),
        scopes=None if scopes is None else tuple(_names(scopes, f"the scopes of role {name!r}") or ()),
        users=_usernames(members["users"]),
        groups=members["groups"],
        services=members["services"],
    )


def _usernames(names: frozenset[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(map(normalize_username, names))


def _names(given: Any, what: str) -> frozenset[str] | None:
    if given is None:
        return None
    if not isinstance(given, list | tuple | set | frozenset) or not all(isinstance(n, str) for n in given):
        raise TypeError(f"{what} must be a list of names")
    return frozenset(given)


def form_data(login: Login) -> dict[str, str]:
    """Return the ``data`` argument of `Authenticator.authenticate`.

    Username and password override form fields with these names.
    """
    return {**login.form, "username": login.username, "password": login.password}


def model_of(identity: Identity) -> dict[str, Any]:
    """Create the auth model for check_allowed, is_admin and post_auth_hook."""
    return {
        "name": login_name(identity),
        "admin": identity.admin,
        "auth_state": None if identity.auth_state is None else dict(identity.auth_state),
        "groups": None if identity.groups is None else sorted(identity.groups),
        "roles": None if identity.roles is None else list(map(_role_dict, identity.roles)),
        "user_info": dict(identity.user_info),
        "exists": identity.exists,
    }


def _role_dict(role: ManagedRole) -> dict[str, Any]:
    facts = {name: getattr(role, name) for name in ("name", "description", "scopes", *_MEMBERS)}
    return {
        name: value if isinstance(value, str) else sorted(value)
        for name, value in facts.items()
        if value is not None
    }


def updated(identity: Identity, model: Mapping[str, Any]) -> Identity:
    """Update an identity with the keys that an auth model contains.

    Args:
        identity: the identity so far.
        model: the auth model; its name is ignored.

    Raises:
        TypeError: a role in it is invalid.
    """
    groups = model.get("groups", identity.groups)
    roles = model.get("roles", identity.roles)
    return replace(
        identity,
        roles=None if roles is None else tuple(map(managed_role, roles)),
        admin=model.get("admin", identity.admin),
        auth_state=model.get("auth_state", identity.auth_state),
        groups=None if groups is None else frozenset(groups),
        user_info=model.get("user_info", identity.user_info) or {},
    )


def refusal_of(error: Exception) -> str | None:
    """Return the message for the user if an error is a refusal; None if it is a failure of the authenticator.

    Args:
        error: raised by a method of an authenticator. An error with a ``status_code`` of 400 to 499,
            such as ``tornado.web.HTTPError``, counts as `ForbiddenError`.
    """
    if isinstance(error, ForbiddenError | UnauthorizedError):
        return error.message
    if getattr(error, "status_code", None) not in _CLIENT_ERRORS or not hasattr(error, "log_message"):
        return None
    return _formatted(error.log_message, error.args) or getattr(error, "reason", None) or _NOT_ALLOWED


def _formatted(message: str | None, args: tuple[object, ...]) -> str:
    """Format a message like logging does; tornado doubles the percent signs of one without arguments."""
    try:
        return message % args if message else ""
    except (TypeError, ValueError):
        return message or ""
