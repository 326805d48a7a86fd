"""Roles, groups and users declared in a config file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from plughub.domain.errors import InvalidError
from plughub.domain.groups import check_group_name
from plughub.domain.names import check_username, normalize_username
from plughub.domain.roles import DEFAULT_ROLES, USER_ROLE, Role, check_role
from plughub.domain.scopes import ScopeTree
from plughub.domain.services import ServiceDeclaration
from plughub.domain.tokens import check_given_token

MEMBERS: Final = ("users", "groups", "services")
_ROLE_KEYS: Final = {"name", "description", "scopes", *MEMBERS}
_GROUP_KEYS: Final = {"users", "properties"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleDeclaration:
    """Role with its declared holders.

    Attributes:
        role: the role.
        users: names of users; None if the config file lists none.
        groups: names of groups; None if the config file lists none.
        services: names of services; None if the config file lists none.
    """

    role: Role
    users: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    services: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDeclaration:
    """Group with its declared members and properties.

    Attributes:
        name: its name.
        users: names of users to add; other members stay.
        properties: properties to store; None to keep the stored ones.
    """

    name: str
    users: frozenset[str] = frozenset()
    properties: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declarations:
    """Declarations of a config file.

    Attributes:
        roles: the default roles, possibly changed, and the roles of the config file.
        groups: groups of the config file.
        services: services of the config file.
        admins: names of admins by authenticator; the empty key applies to all other authenticators.
        blocked: names of blocked users by authenticator; the empty key applies to all other authenticators.
        allowed: names of users to create at start because a setting allows them.
        tokens: names of users by API token.
        trust_tokens: whether configured tokens of users and services cannot be guessed, so that one hash
            round is enough.
        base_url: path of the whole application, below which services are reached.
    """

    roles: tuple[RoleDeclaration, ...] = tuple(RoleDeclaration(role=role) for role in DEFAULT_ROLES)
    groups: tuple[GroupDeclaration, ...] = ()
    services: tuple[ServiceDeclaration, ...] = ()
    admins: Mapping[str, Collection[str]] = field(default_factory=lambda: MappingProxyType({}))
    blocked: Mapping[str, Collection[str]] = field(default_factory=lambda: MappingProxyType({}))
    allowed: Collection[str] = ()
    tokens: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    trust_tokens: bool = False
    base_url: str = "/"

    @property
    def given_names(self) -> frozenset[str]:
        """Names of users to whom the config file grants a role, a group, admin status or a login."""
        listed = [
            self.allowed,
            *self.admins.values(),
            self.tokens.values(),
            *(group.users for group in self.groups),
        ]
        return frozenset().union(*listed, *(role.users or () for role in self.roles))


def read_roles(
    given: Iterable[Any], tree: ScopeTree, extra_user_scopes: Iterable[str] = ()
) -> tuple[RoleDeclaration, ...]:
    """Parse the roles of a config file and add the default roles.

    Args:
        given: dicts with name, description, scopes, users, groups and services.
        tree: the scopes of the hub.
        extra_user_scopes: scopes to add to the default user role; ignored if the file defines its scopes.

    Raises:
        InvalidError: a role is invalid or declared twice.
    """
    more = tuple(extra_user_scopes)
    tree.check(more, "extra_user_scopes")
    found = {
        role.name: RoleDeclaration(role=_with_scopes(role, more) if role.name == USER_ROLE else role)
        for role in DEFAULT_ROLES
    }
    seen: set[str] = set()
    for spec in given:
        declared = _read_role(spec, found, tree)
        if declared.role.name in seen:
            raise InvalidError(f"role {declared.role.name!r} is declared twice")
        seen.add(declared.role.name)
        found[declared.role.name] = declared
    return tuple(found.values())


def read_groups(given: Mapping[str, Any]) -> tuple[GroupDeclaration, ...]:
    """Parse the groups of a config file.

    Args:
        given: lists of users, or dicts with users and properties, by name of the group.

    Raises:
        InvalidError: a group is invalid.
    """
    return tuple(_read_group(name, spec) for name, spec in given.items())


def read_user_tokens(given: Mapping[str, str]) -> dict[str, str]:
    """Parse the API tokens of users in a config file.

    Args:
        given: usernames by token.

    Returns:
        Normalised usernames by token.

    Raises:
        InvalidError: a token or a name is invalid; the message contains no token.
    """
    return {
        check_given_token(token): check_username(normalize_username(name)) for token, name in given.items()
    }


def _read_role(spec: Any, known: Mapping[str, RoleDeclaration], tree: ScopeTree) -> RoleDeclaration:
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        raise InvalidError(f"a role must be a dict with a name, not {type(spec).__name__}")
    name = spec["name"]
    if unknown := set(spec) - _ROLE_KEYS:
        raise InvalidError(f"role {name!r} has unknown keys: {', '.join(sorted(unknown))}")
    before = known[name].role if name in known else Role(name=name)
    role = Role(
        name=name,
        description=str(spec.get("description", before.description)),
        scopes=_names(spec.get("scopes", before.scopes), f"the scopes of role {name!r}"),
    )
    members = {kind: _members(spec, kind) for kind in MEMBERS}
    return RoleDeclaration(role=check_role(role, tree), **members)


def _read_group(name: str, spec: Any) -> GroupDeclaration:
    check_group_name(name)
    facts = spec if isinstance(spec, Mapping) else {"users": spec}
    if unknown := set(facts) - _GROUP_KEYS:
        raise InvalidError(f"group {name!r} has unknown keys: {', '.join(sorted(unknown))}")
    properties = facts.get("properties")
    if properties is not None and not isinstance(properties, Mapping):
        raise InvalidError(f"the properties of group {name!r} must be a dict")
    users = _names(facts.get("users") or (), f"the users of group {name!r}")
    return GroupDeclaration(name=name, users=_usernames(users), properties=properties)


def _members(spec: Mapping[str, Any], kind: str) -> frozenset[str] | None:
    if spec.get(kind) is None:
        return None
    names = _names(spec[kind], f"the {kind} of role {spec['name']!r}")
    return _usernames(names) if kind == "users" else frozenset(names)


def _usernames(names: Iterable[str]) -> frozenset[str]:
    return frozenset(check_username(normalize_username(name)) for name in names)


def _names(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple | set | frozenset) or not all(
        isinstance(item, str) for item in value
    ):
        raise InvalidError(f"{what} must be a list of names")
    return tuple(value)


def _with_scopes(role: Role, more: Collection[str]) -> Role:
    return Role(name=role.name, description=role.description, scopes=(*role.scopes, *more))
