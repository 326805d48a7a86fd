"""Scopes that the hub itself puts together."""

from __future__ import annotations

from plughub.domain.scopes.filters import ScopeFilter


def access_scopes(user: str, server: str) -> frozenset[str]:
    """Give the scope that opens a server.

    Args:
        user: name of the user.
        server: name of the server, empty for the default one.

    Returns:
        The scope.
    """
    return frozenset({f"access:servers{ScopeFilter.server(user, server)}"})


def service_access_scopes(service: str) -> frozenset[str]:
    """Give the scope that opens a service.

    Args:
        service: name of the service.

    Returns:
        The scope.
    """
    return frozenset({f"access:services{ScopeFilter.service(service)}"})


def identify_scopes(name: str = "", kind: str = "user") -> frozenset[str]:
    """Give the scopes that let somebody learn who they are.

    Args:
        name: name of the user or service; empty for raw scopes that are expanded later.
        kind: ``user`` or ``service``.

    Returns:
        The scopes.
    """
    if kind == "service":
        return frozenset({f"read:services:name{ScopeFilter.service(name)}"})
    limit = ScopeFilter.user(name)
    return frozenset({f"read:users:name{limit}", f"read:users:groups{limit}"})
