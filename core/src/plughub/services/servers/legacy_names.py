"""Servers with names that are no longer valid, created by older hubs."""

from __future__ import annotations

import logging

from plughub.domain.errors import HubError, InvalidError
from plughub.domain.names import check_server_name, shorten, similar_server_name
from plughub.domain.servers import ServerRecord
from plughub.kinds import Server
from plughub.plugin.hooks import Hooks
from plughub.services.server_records import stored_view
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.servers")


async def check_legacy_names(store: Store, hooks: Hooks, settings: HubSettings, *, rename: bool) -> int:
    """Rename servers with invalid names, or log how many there are.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
        rename: give them valid names, also at their spawners. Running servers keep their names.

    Returns:
        The number of servers that keep an invalid name.
    """
    invalid = 0
    for key, name in await store.read(_invalid_names):
        try:
            invalid += not (rename and await _rename(store, hooks, settings, key))
        except HubError as error:
            log.error("cannot rename server %s: %s", shorten(name), error)
            invalid += 1
    if invalid:
        log.warning(
            "%d servers have invalid names; see JupyterHub.allow_existing_invalid_named_servers",
            invalid,
        )
    return invalid


def _invalid_names(tx: Transaction) -> list[tuple[int, str]]:
    return [(key, name) for key, name in tx.servers.names() if not _is_valid(name)]


def _is_valid(name: str) -> bool:
    try:
        check_server_name(name)
    except InvalidError:
        return False
    return True


async def _rename(store: Store, hooks: Hooks, settings: HubSettings, key: int) -> bool:
    """Rename a server, at its spawner first and then in the database; both steps are idempotent."""

    def look(tx: Transaction) -> tuple[ServerRecord, str, Server] | None:
        server = tx.servers.by_id(key)
        if server is None or _is_valid(server.name) or server.active:
            return None
        taken = {other.name for other in tx.servers.of_user(server.user_id)}
        return server, similar_server_name(server.name, taken), stored_view(tx, settings, server)

    def note(tx: Transaction) -> None:
        tx.users.lock(server.user_id)
        current = tx.servers.by_id(key)
        if current is None or current.active or current.name != server.name:
            return
        if not current.display_name:
            tx.servers.set_display_name(key, server.name)
        tx.servers.rename(key, name)

    found = await store.read(look)
    if found is None:
        return False
    server, name, view = found
    await hooks.rename_server(server.backend or settings.default_spawner, view, name)
    await store.write(note)
    log.info("server %s was renamed to %s", server.full_name, name)
    return True
