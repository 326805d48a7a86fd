"""Sections of the administration console, and the scopes with which each is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from plughub.domain.scopes import coverage_of
from plughub.domain.words import _

CONSOLE: Final = "admin-ui"
"""Scope that opens the console. Each section needs one of its own in addition."""


@dataclass(frozen=True, slots=True)
class Section:
    """Section of the console: an entry of its navigation and the pages below its path.

    Attributes:
        path: path below ``/hub/admin``; empty for the first page.
        title: entry in the navigation and title of the page.
        part: heading under which the entry is listed; empty for none.
        scopes: names without filters, of which the viewer holds at least one; none if the console's own
            scope suffices.
        kinds: filters with which a scope still shows the section, because its lists are limited to them.
    """

    path: str
    title: str
    part: str = ""
    scopes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def is_shown(self, held: frozenset[str]) -> bool:
        """Return whether a viewer with these expanded scopes sees the section."""
        if not coverage_of(held, CONSOLE).everything:
            return False
        return not self.scopes or any(self._is_held(held, scope) for scope in self.scopes)

    def _is_held(self, held: frozenset[str], scope: str) -> bool:
        coverage = coverage_of(held, scope)
        return coverage.everything or any(getattr(coverage, f"{kind}s") for kind in self.kinds)


PEOPLE: Final = _("People")
RUNNING: Final = _("Servers and services")
ACCESS: Final = _("Access")

OVERVIEW: Final = Section("", _("Overview"))
USERS: Final = Section("users", _("Users"), PEOPLE, ("list:users",), ("user", "group"))
GROUPS: Final = Section("groups", _("Groups"), PEOPLE, ("list:groups",), ("group",))
SERVERS: Final = Section("servers", _("Servers"), RUNNING, ("read:servers",), ("user", "group", "server"))
SERVICES: Final = Section("services", _("Services"), RUNNING, ("list:services",), ("service",))
SESSIONS: Final = Section("sessions", _("Sessions"), ACCESS, ("read:tokens",), ("user", "group"))
TOKENS: Final = Section("tokens", _("Tokens"), ACCESS, ("read:tokens",), ("user", "group"))
ROLES: Final = Section("roles", _("Roles"), ACCESS, ("read:roles",))
AUDIT: Final = Section("audit", _("Audit trail"), ACCESS, ("read:audit",))

HUB: Final = _("Hub")
ACTIVITY: Final = Section("activity", _("Activity"), HUB, ("read:metrics",))
USAGE: Final = Section("usage", _("Usage"), HUB, ("read:usage",), ("user", "group"))
HEALTH: Final = Section("health", _("Health"), HUB, ("read:hub",))
PLUGINS: Final = Section("plugins", _("Plugins"), HUB, ("read:hub",))
ANNOUNCEMENT: Final = Section("announcement", _("Announcement"), HUB, ("announce",))

SECTIONS: Final[tuple[Section, ...]] = (
    OVERVIEW,
    *(USERS, GROUPS),
    *(SERVERS, SERVICES),
    *(SESSIONS, TOKENS, ROLES, AUDIT),
    *(HEALTH, ACTIVITY, USAGE, PLUGINS, ANNOUNCEMENT),
)
"""All sections, in the order of the navigation. A part's sections stand together."""


def navigation(held: frozenset[str]) -> Mapping[str, list[Section]]:
    """Return the sections that a viewer with these expanded scopes sees, by part."""
    parts: dict[str, list[Section]] = {}
    for section in SECTIONS:
        if section.is_shown(held):
            parts.setdefault(section.part, []).append(section)
    return parts
