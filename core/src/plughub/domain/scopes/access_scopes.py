"""Scopes that the hub itself grants."""

from __future__ import annotations

from plughub.domain.scopes.filters import ScopeFilter


def access_scopes(user: str, server: str) -> frozenset[str]:
    """Return the scope that gives access to a server."""
    return frozenset({f"access:servers{ScopeFilter.server(user, server)}"})


def service_access_scopes(service: str) -> frozenset[str]:
    """Return the scope that gives access to a service."""
    return frozenset({f"access:services{ScopeFilter.service(service)}"})


def identify_scopes(name: str = "", kind: str = "user") -> frozenset[str]:
    """Return the scopes to read the identity of a user or service.

    Args:
        name: name of the user or service; empty for raw scopes that are expanded later.
        kind: ``user`` or ``service``.
    """
    if kind == "service":
        return frozenset({f"read:services:name{ScopeFilter.service(name)}"})
    limit = ScopeFilter.user(name)
    return frozenset({f"read:users:name{limit}", f"read:users:groups{limit}"})
