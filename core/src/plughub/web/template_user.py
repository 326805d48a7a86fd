"""A user as templates see them, with the names that templates of JupyterHub use."""

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
    """A name that also answers to ``.name``, as groups and roles do in templates of JupyterHub."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name."""
        return str(self)


class TemplateUser:
    """A user as templates, and functions in ``template_vars``, see them.

    Args:
        user: the user.
        settings: of the hub.
        servers: what the page shows of the servers; only the home page knows them.
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
        """Where the default server is reached."""
        return self.server_url()

    def server_url(self, server_name: str = "") -> str:
        """Return where a server is reached."""
        return server_link(self._settings, self.name, server_name)

    def all_spawners(self, include_default: bool = True) -> list[Card]:
        """List the servers that the page knows."""
        return [card for card in self._servers if card["name"] or include_default]

    @property
    def spawners(self) -> dict[str, Card]:
        """The servers that the page knows, by name."""
        return {card["name"]: card for card in self._servers}

    @property
    def spawner(self) -> Card:
        """The default server."""
        return self.spawners.get("", {})

    @property
    def active(self) -> bool:
        """Whether a server that the page knows runs, starts or stops."""
        return any(card["active"] for card in self._servers)

    @property
    def running(self) -> bool:
        """Whether the default server runs, as far as the page knows."""
        return bool(self.spawner.get("ready"))
