"""Change of the plugin that owns stored servers and identities."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select, update

from plughub.storage import tables
from plughub.storage.session_table import sessions

_known = tables.identities.c


class PluginOwners:
    """Plugins that own servers and identities, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hand_over_servers(self, plugin: str, new_owner: str) -> None:
        """Transfer the servers and operations of a spawner to another one."""
        for table in (tables.server_life, tables.operations):
            self._connection.execute(update(table).where(table.c.backend == plugin).values(backend=new_owner))

    def hand_over_identities(self, plugin: str, new_owner: str) -> None:
        """Transfer the identities of an authenticator to another one, except subjects of its other users."""
        own = select(_known.subject).where(_known.plugin == new_owner)
        moving = update(tables.identities).where(_known.plugin == plugin, _known.subject.not_in(own))
        self._connection.execute(moving.values(plugin=new_owner))
        twin = tables.identities.alias()
        same = select(twin.c.id).where(
            twin.c.plugin == new_owner, twin.c.subject == _known.subject, twin.c.user_id == _known.user_id
        )
        self._connection.execute(delete(tables.identities).where(_known.plugin == plugin, same.exists()))
        self._connection.execute(update(sessions).where(sessions.c.plugin == plugin).values(plugin=new_owner))
