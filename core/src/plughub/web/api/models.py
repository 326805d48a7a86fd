"""JSON models of users, servers, groups, services and tokens, limited to the reader's scopes."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import Any, Final

from plughub.domain.clock import isoformat
from plughub.domain.explanations import explained
from plughub.domain.groups import Group
from plughub.domain.names import quote_path
from plughub.domain.oauth import TokenRecord
from plughub.domain.scopes import ScopeFilter, check_scopes
from plughub.domain.scopes.scope_check import Access, parse_scopes
from plughub.domain.servers import ServerRecord, profile_of
from plughub.domain.services import Service
from plughub.domain.urls import url_path_join
from plughub.domain.users import User
from plughub.services.addresses import link_to_server, public_address, server_prefix
from plughub.services.settings import HubSettings
from plughub.web.api.plain_models import shown

_CACHE_SIZE: Final = 1024
_NAME: Final = ("kind", "name")
USER_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "read:users": (
        *_NAME,
        "admin",
        "roles",
        "groups",
        "server",
        "pending",
        "created",
        "last_activity",
        "user_info",
    ),
    "read:users:name": (*_NAME, "user_info", "admin"),
    "read:users:groups": (*_NAME, "groups"),
    "read:users:activity": (*_NAME, "last_activity"),
    "read:servers": (*_NAME, "servers"),
    "read:roles:users": (*_NAME, "roles", "admin"),
    "admin:auth_state": (*_NAME, "auth_state"),
}
"""Keys of a user's model by the scope that grants them."""

GROUP_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "read:groups": (*_NAME, "users", "properties"),
    "read:groups:name": _NAME,
    "read:roles:groups": (*_NAME, "roles"),
}
"""Keys of a group's model by the scope that grants them."""

SERVICE_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "read:services": (*_NAME, "admin", "url", "prefix", "command", "pid", "info", "display"),
    "read:services:name": (*_NAME, "admin"),
    "read:roles:services": (*_NAME, "roles", "admin"),
}
"""Keys of a service's model by the scope that grants them."""

_ALL_KEYS: Final = frozenset(key for keys in USER_KEYS.values() for key in keys)

NEEDS_SERVERS: Final = ("read:users", "read:servers")
"""Scopes that grant keys about servers."""

SHOWS_SECRETS: Final = "admin:auth_state"
"""Scope that grants the key ``auth_state``."""


class Models:
    """Builder of models for one reader.

    Args:
        settings: settings of the hub.
        scopes: expanded scopes of the reader.
    """

    def __init__(self, settings: HubSettings, scopes: frozenset[str]) -> None:
        self._settings = settings
        self._scopes = scopes
        self._keys, self._limited = _user_keys(scopes)
        self._shows_all = self._keys >= _ALL_KEYS

    def needs_servers(self) -> bool:
        """Return whether user models can contain keys about servers."""
        held = parse_scopes(self._scopes)
        return any(scope in held for scope in NEEDS_SERVERS)

    def needs_secrets(self) -> bool:
        """Return whether user models can contain the auth_state."""
        return SHOWS_SECRETS in parse_scopes(self._scopes)

    def user(
        self, user: User, servers: Collection[ServerRecord] = (), *, include_stopped: bool = False
    ) -> dict[str, Any]:
        """Build the model of a user.

        Args:
            user: the user.
            servers: all servers of the user.
            include_stopped: include stopped servers.

        Returns:
            The keys that the reader may see.
        """
        keys = self._keys_of(user) if self._limited else self._keys
        model = self._facts(user, servers)
        if not self._shows_all:
            model = {key: value for key, value in model.items() if key in keys}
        shown = {}
        for server in servers:
            if (server.active or include_stopped) and self._may("read:servers", server, user.groups):
                shown[server.name] = self.server(server, user.groups)
        if "servers" in keys or shown:
            model["servers"] = shown
        return model

    def server(self, server: ServerRecord, groups: Collection[str] = ()) -> dict[str, Any]:
        """Build the model of a server, given the groups of its user."""
        url = server_prefix(self._settings, server)
        progress = f"{server_api_path(self._settings, server)}/progress"
        link = link_to_server(self._settings, server)
        sees_state = self._may("admin:server_state", server, groups)
        model = {
            "name": server.name,
            "display_name": server.display_name or server.name,
            "full_name": server.full_name,
            "last_activity": isoformat(server.last_activity),
            "started": isoformat(server.started),
            "pending": server.pending,
            "ready": server.ready,
            "stopped": not server.active,
            "problem": explained(problem_of(server), details=sees_state),
            "url": url,
            "profile": profile_of(server),
            "user_options": shown(server.options, "options of server", server.full_name),
            "progress_url": progress,
            "full_url": public_address(self._settings, link) or None,
            "full_progress_url": public_address(self._settings, progress) or None,
        }
        if sees_state:
            model["state"] = shown(server.state, "state of server", server.full_name)
        return model

    def _keys_of(self, user: User) -> frozenset[str]:
        me = ScopeFilter.user(user.name)
        held = (scope for scope in self._limited if self._allows(scope, me, user.groups))
        return self._keys.union(*(USER_KEYS[scope] for scope in held))

    def _facts(self, user: User, servers: Collection[ServerRecord]) -> dict[str, Any]:
        default = next((server for server in servers if not server.name), None) if servers else None
        running = default if default and default.ready else None
        return {
            "kind": "user",
            "name": user.name,
            "admin": user.admin,
            "roles": list(user.roles),
            "groups": list(user.groups),
            "server": server_prefix(self._settings, running) if running else None,
            "pending": default.pending if default else None,
            "created": isoformat(user.created),
            "last_activity": isoformat(user.last_activity),
            "auth_state": None,
            "user_info": (user.user_info and shown(user.user_info, "user_info of user", user.name)) or None,
        }

    def _may(self, scope: str, server: ServerRecord, groups: Collection[str]) -> bool:
        return self._allows(scope, ScopeFilter.server(server.user, server.name), groups)

    def _allows(self, scope: str, resource: ScopeFilter, groups: Collection[str]) -> bool:
        return check_scopes(self._scopes, (scope,), resource, groups) is Access.ALLOWED


@functools.lru_cache(maxsize=_CACHE_SIZE)
def _user_keys(scopes: frozenset[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the keys that scopes grant for all users, and those of the scopes that have filters."""
    held = {scope: parse_scopes(scopes)[scope] for scope in USER_KEYS if scope in parse_scopes(scopes)}
    keys = frozenset(
        key for scope, coverage in held.items() if coverage.everything for key in USER_KEYS[scope]
    )
    return keys, tuple(scope for scope, coverage in held.items() if not coverage.everything)


def problem_of(server: ServerRecord) -> str:
    """Return why an operation does not progress, or the server's state is unknown, or it is unreachable.

    Returns:
        The reason in the format of `plughub.domain.explanations`; empty if there is none.
    """
    return (server.operation.problem if server.operation else "") or server.unknown or server.unreachable


def server_api_path(settings: HubSettings, server: ServerRecord) -> str:
    """Return the path of a server in the API, without a final slash."""
    rest = f"servers/{quote_path(server.name)}" if server.name else "server"
    return f"{settings.hub_prefix}api/users/{quote_path(server.user)}/{rest}"


def group_model(group: Group, scopes: frozenset[str]) -> dict[str, Any]:
    """Build the model of a group with the keys that a reader with these expanded scopes may see."""
    facts = {
        "kind": "group",
        "name": group.name,
        "roles": list(group.roles),
        "users": list(group.users),
        "properties": shown(group.properties, "properties of group", group.name),
    }
    return _visible(facts, GROUP_KEYS, ScopeFilter.group(group.name), scopes)


def service_model(settings: HubSettings, service: Service, scopes: frozenset[str]) -> dict[str, Any]:
    """Build the model of a service with the keys that a reader with these expanded scopes may see."""
    prefix = f"{url_path_join(settings.base_url, 'services', quote_path(service.name))}/"
    facts = {
        "kind": "service",
        "name": service.name,
        "admin": service.admin,
        "roles": list(service.roles),
        "url": service.url,
        "prefix": prefix if service.url else "",
        "command": list(service.command),
        "pid": service.pid or 0,
        "info": shown(service.info, "info of service", service.name),
        "display": service.display,
    }
    return _visible(facts, SERVICE_KEYS, ScopeFilter.service(service.name), scopes)


def _visible(
    facts: Mapping[str, Any],
    keys: Mapping[str, Collection[str]],
    resource: ScopeFilter,
    scopes: frozenset[str],
) -> dict[str, Any]:
    held = (scope for scope in keys if check_scopes(scopes, (scope,), resource) is Access.ALLOWED)
    shown = {key for scope in held for key in keys[scope]}
    return {key: value for key, value in facts.items() if key in shown}


def token_model(record: TokenRecord, scopes: frozenset[str]) -> dict[str, Any]:
    """Build the model of a token, without the token itself.

    Args:
        record: the token.
        scopes: effective scopes of the token, expanded.
    """
    return {
        "user" if record.user_id is not None else "service": record.owner,
        "id": f"a{record.id}",
        "kind": "api_token",
        "roles": [],
        "scopes": sorted(scopes),
        "created": isoformat(record.created),
        "last_activity": isoformat(record.last_activity),
        "expires_at": isoformat(record.expires_at),
        "note": record.note,
        "session_id": record.session_id or None,
        "oauth_client": record.client_description or record.client_id,
    }
