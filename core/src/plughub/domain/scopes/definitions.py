"""Definitions of all scopes, with their descriptions and subscopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

NO_SCOPE: Final = "(no_scope)"
SELF: Final = "self"
INHERIT: Final = "inherit"
METASCOPES: Final = frozenset({NO_SCOPE, SELF, INHERIT})
"""Placeholders for other scopes, or for none; they take no filters."""


@dataclass(frozen=True, slots=True)
class ScopeDefinition:
    """Definition of a scope.

    Attributes:
        description: what its holder may do; shown on the consent page.
        subscopes: scopes that it implies directly.
    """

    description: str
    subscopes: tuple[str, ...] = ()


_SPECIAL: Final = {
    NO_SCOPE: ScopeDefinition("Learn who you are, and nothing more."),
    SELF: ScopeDefinition("Use and manage everything that is yours."),
    INHERIT: ScopeDefinition("Do everything that you may do yourself."),
    "admin-ui": ScopeDefinition("Open the admin page. What can be done there needs scopes of its own."),
}

_USERS: Final = {
    "admin:users": ScopeDefinition(
        "Create, change and delete users and see the secrets of their login. This allows acting as any user.",
        ("admin:auth_state", "users", "read:roles:users", "delete:users"),
    ),
    "admin:auth_state": ScopeDefinition("See the secrets that were saved when a user logged in."),
    "users": ScopeDefinition(
        "See and change users, but not their servers, tokens or login secrets.",
        ("read:users", "list:users", "users:activity"),
    ),
    "delete:users": ScopeDefinition("Delete users."),
    "list:users": ScopeDefinition("List users with their names.", ("read:users:name",)),
    "read:users": ScopeDefinition(
        "See users, and where the default server of each runs.",
        ("read:users:name", "read:users:groups", "read:users:activity"),
    ),
    "read:users:name": ScopeDefinition("See the names of users."),
    "read:users:groups": ScopeDefinition("See which groups users belong to."),
    "read:users:activity": ScopeDefinition("See when users were last active."),
    "users:activity": ScopeDefinition("Report that users are active.", ("read:users:activity",)),
    "read:roles": ScopeDefinition(
        "See the holders of roles.", ("read:roles:users", "read:roles:services", "read:roles:groups")
    ),
    "read:roles:users": ScopeDefinition("See the roles of users."),
    "read:roles:services": ScopeDefinition("See the roles of services."),
    "read:roles:groups": ScopeDefinition("See the roles of groups."),
    "tokens": ScopeDefinition("See, create and revoke tokens of users.", ("read:tokens",)),
    "read:tokens": ScopeDefinition("See which tokens users have."),
}

_SERVERS: Final = {
    "admin:servers": ScopeDefinition(
        "Start, stop, create and delete servers, and see their internal state.",
        ("admin:server_state", "servers"),
    ),
    "admin:server_state": ScopeDefinition("See and change the internal state of servers."),
    "servers": ScopeDefinition(
        "Start and stop servers.", ("read:servers", "start:servers", "delete:servers")
    ),
    "read:servers": ScopeDefinition("See servers and the names of their users.", ("read:users:name",)),
    "start:servers": ScopeDefinition("Start servers and change their options."),
    "delete:servers": ScopeDefinition("Stop and delete servers."),
    "access:servers": ScopeDefinition("Use running servers in a browser or through their API."),
}

_USAGE: Final = {
    "read:usage": ScopeDefinition("See when users ran servers, for how long and with which resources."),
}

_SHARES: Final = {
    "shares": ScopeDefinition(
        "Share servers with others and take shares back.",
        ("access:servers", "read:shares", "users:shares", "groups:shares"),
    ),
    "read:shares": ScopeDefinition("See with whom servers are shared."),
    "users:shares": ScopeDefinition("See and leave shares that users were given.", ("read:users:shares",)),
    "read:users:shares": ScopeDefinition("See which servers are shared with users."),
    "groups:shares": ScopeDefinition("See and leave shares that groups were given.", ("read:groups:shares",)),
    "read:groups:shares": ScopeDefinition("See which servers are shared with groups."),
}

_GROUPS: Final = {
    "admin:groups": ScopeDefinition(
        "Create, change and delete groups.", ("groups", "read:roles:groups", "delete:groups")
    ),
    "groups": ScopeDefinition(
        "See and change groups and their members. A new member gets what the group may do.",
        ("read:groups", "list:groups"),
    ),
    "list:groups": ScopeDefinition("List groups with their names.", ("read:groups:name",)),
    "read:groups": ScopeDefinition("See groups.", ("read:groups:name",)),
    "read:groups:name": ScopeDefinition("See the names of groups."),
    "delete:groups": ScopeDefinition("Delete groups."),
}

_SERVICES: Final = {
    "admin:services": ScopeDefinition(
        "Create, change and delete services, except those of the config file.",
        ("list:services", "read:services", "read:roles:services"),
    ),
    "list:services": ScopeDefinition("List services with their names.", ("read:services:name",)),
    "read:services": ScopeDefinition("See services.", ("read:services:name",)),
    "read:services:name": ScopeDefinition("See the names of services."),
    "access:services": ScopeDefinition("Use services in a browser or through their API."),
}

_HUB: Final = {
    "read:hub": ScopeDefinition("See how the hub is set up."),
    "proxy": ScopeDefinition("See and repair the routes of the proxy, and configure another proxy."),
    "shutdown": ScopeDefinition("Shut the hub down."),
    "read:metrics": ScopeDefinition("Read the metrics of the hub."),
    "read:audit": ScopeDefinition("Read the audit log of all actions of users and administrators."),
    "announce": ScopeDefinition("Change the announcement on all pages."),
}

DEFINITIONS: Final[Mapping[str, ScopeDefinition]] = MappingProxyType(
    {**_SPECIAL, **_USERS, **_SERVERS, **_USAGE, **_SHARES, **_GROUPS, **_SERVICES, **_HUB}
)
"""The scopes by name."""

NOT_OF_USERS: Final = frozenset(
    {
        *_GROUPS,
        *_SERVICES,
        *_HUB,
        "read:roles:groups",
        "read:roles:services",
        "groups:shares",
        "read:groups:shares",
    }
)
"""Scopes that never apply to users."""

SELF_SCOPES: Final = (
    "read:users",
    "users:activity",
    "users:shares",
    "read:shares",
    "servers",
    "tokens",
    "access:servers",
)
"""Scopes that ``self`` stands for, each limited to the user."""
