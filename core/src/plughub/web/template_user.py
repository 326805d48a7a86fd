"""Users as templates see them, with the attribute names that JupyterHub's templates use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2.utils import htmlsafe_json_dumps

from plughub.domain.names import quote_path
from plughub.domain.users import User
from plughub.services.addresses import server_link
from plughub.services.settings import HubSettings

Card = Mapping[str, Any]


class NamedText(str):
    """Name with an attribute ``name``, like groups and roles in JupyterHub's templates."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """Return the name."""
        return str(self)


class TemplateUser:
    """User as seen by templates and by functions in ``template_vars``.

    Args:
        user: the user.
        settings: settings of the hub.
        servers: the user's servers as template variables; only the home page passes them.
    """

    def __init__(self, user: User, settings: HubSettings, servers: Sequence[Card] = ()) -> None:
        self._settings = settings
        self._servers = tuple(servers)
        self.id = user.id
        self.name = user.name
        self.admin = user.admin
        self.created = user.created
        self.last_activity = user.last_activity
        self.groups = [NamedText(group) for group in user.groups]
        self.group_names = frozenset(user.groups)
        self.roles = [NamedText(role) for role in user.roles]
        self.user_info = user.user_info
        self.escaped_name = quote_path(user.name)
        self.json_escaped_name = str(htmlsafe_json_dumps(user.name))[1:-1]

    @property
    def url(self) -> str:
        """Return the address of the default server."""
        return self.server_url()

    def server_url(self, server_name: str = "") -> str:
        """Return the address of a server."""
        return server_link(self._settings, self.name, server_name)

    def all_spawners(self, include_default: bool = True) -> list[Card]:
        """Return the servers that the page passed."""
        return [card for card in self._servers if card["name"] or include_default]

    @property
    def spawners(self) -> dict[str, Card]:
        """Return the servers that the page passed, by name."""
        return {card["name"]: card for card in self._servers}

    @property
    def spawner(self) -> Card:
        """Return the default server, or an empty mapping if the page passed none."""
        return self.spawners.get("", {})

    @property
    def active(self) -> bool:
        """Return whether one of the passed servers is starting, running or stopping."""
        return any(card["active"] for card in self._servers)

    @property
    def running(self) -> bool:
        """Return whether the default server is ready, according to the page."""
        return bool(self.spawner.get("ready"))
