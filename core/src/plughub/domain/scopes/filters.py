"""Scopes and the filters behind their ``!``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten

FILTER_KINDS: Final = ("user", "server", "group", "service")
SELF_FILTERS: Final = ("user", "server", "service")


@dataclass(frozen=True, slots=True)
class ScopeFilter:
    """Filter of a scope, or the resource of a request.

    Attributes:
        kind: ``user``, ``server``, ``group`` or ``service``.
        value: name of the user, group or service, or ``user/server``; empty for a self-filter, which
            refers to the holder.
    """

    kind: str
    value: str = ""

    def __str__(self) -> str:
        return f"!{self.kind}={self.value}" if self.value else f"!{self.kind}"

    @classmethod
    def user(cls, name: str) -> ScopeFilter:
        """Return a filter on a user."""
        return cls("user", name)

    @classmethod
    def server(cls, user: str, name: str) -> ScopeFilter:
        """Return a filter on a server of a user; an empty name means the default server."""
        return cls("server", f"{user}/{name}")

    @classmethod
    def group(cls, name: str) -> ScopeFilter:
        """Return a filter on a group and its members."""
        return cls("group", name)

    @classmethod
    def service(cls, name: str) -> ScopeFilter:
        """Return a filter on a service."""
        return cls("service", name)

    @property
    def user_name(self) -> str:
        """Name of the user in the filter; empty for a group or service."""
        if self.kind == "server":
            return self.value.partition("/")[0]
        return self.value if self.kind == "user" else ""


def parse_scope(scope: str) -> tuple[str, ScopeFilter | None]:
    """Split a scope into its name and its filter.

    Args:
        scope: such as ``servers``, ``servers!user`` or ``servers!server=alice/lab``.

    Returns:
        The name, and the filter or None.

    Raises:
        InvalidError: the filter is invalid.
    """
    base, mark, text = scope.partition("!")
    if not mark:
        return base, None
    kind, equals, value = text.partition("=")
    if kind not in FILTER_KINDS:
        raise InvalidError(
            f"scope {shorten(scope, 80)} has an unknown filter; filters are "
            + ", ".join(f"!{known}=" for known in FILTER_KINDS)
        )
    if bool(equals) != bool(value) or not (value or kind in SELF_FILTERS):
        raise InvalidError(f"scope {shorten(scope, 80)} has a filter without a name")
    if kind == "server" and value and not value.partition("/")[1]:
        raise InvalidError(f"scope {shorten(scope, 80)}: a server is named user/server")
    return base, ScopeFilter(kind, value)
