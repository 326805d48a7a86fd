"""Rules for start requests: names, spawners, options and vetoes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from plughub.domain.errors import ForbiddenError, InvalidError, TooManyError
from plughub.domain.names import check_server_name, shorten
from plughub.domain.plain_json import plain_json
from plughub.domain.users import User
from plughub.domain.words import _
from plughub.kinds import ActiveServers, Server
from plughub.plugin.hooks import Hooks
from plughub.services.settings import HubSettings
from plughub.storage.store import Store

MAX_OLD_NAME: Final = 255
"""Characters; the length of the database column."""


async def check_named(store: Store, settings: HubSettings, user: User, name: str) -> None:
    """Check that a server may be started by its name.

    Args:
        store: the storage.
        settings: settings of the hub.
        user: its user.
        name: its name; empty for the default server, which is always valid.

    Raises:
        InvalidError: named servers are not enabled, or the name is not valid; existing servers may keep an
            invalid name if the settings allow that.
    """
    if name and not settings.allow_named_servers:
        raise InvalidError("named servers are not enabled", detail="JupyterHub.allow_named_servers")
    try:
        check_server_name(name)
    except InvalidError:
        old = settings.start_old_names and len(name) <= MAX_OLD_NAME
        if not old or await store.read(lambda tx: tx.servers.get(user.name, name)) is None:
            raise


def choose_backend(settings: HubSettings, wanted: str = "") -> str:
    """Return the plugin for a start.

    Args:
        settings: settings of the hub.
        wanted: requested spawner; empty for the default.

    Raises:
        InvalidError: there is no such spawner.
    """
    if wanted and wanted not in settings.spawners:
        known = ", ".join(settings.spawners)
        raise InvalidError(
            _("there is no spawner %(wanted)s; available: %(known)s", wanted=shorten(wanted), known=known)
        )
    return wanted or settings.default_spawner


async def is_of_another_spawner(
    store: Store, hooks: Hooks, settings: HubSettings, user: User, name: str, plugin: str
) -> bool:
    """Return whether the stored options of a server contain a profile of another spawner, or may lack one.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
        user: its user.
        name: its name.
        plugin: the spawner of the next start.
    """
    if not any(hooks.offers_profiles(spawner) for spawner in settings.spawners):
        return False
    server = await store.read(lambda tx: tx.servers.get(user.name, name))
    if server is None or server.backend in {"", plugin}:
        return False
    return hooks.offers_profiles(plugin) or hooks.offers_profiles(server.backend)


def check_options(options: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Validate the options of a start: they must be small JSON.

    Args:
        options: the options; None to reuse the last.

    Returns:
        The options as they are stored and passed to plugins.

    Raises:
        TooLargeError: they are too large.
        InvalidError: they hold a file or anything else that is not JSON.
    """
    return None if options is None else plain_json(options, "the options of the server")


async def check_authorized(store: Store, hooks: Hooks, view: Callable[[], Awaitable[Server]]) -> None:
    """Ask the plugins whether a start is allowed.

    Args:
        store: the storage.
        hooks: the hooks.
        view: returns the server as plugins see it; called only where a plugin is asked.

    Raises:
        ForbiddenError: a plugin refuses.
        TooManyError: a plugin refuses for now.
    """
    if not hooks.authorizes_spawns():
        return
    server = await view()
    active = await _count_active(store, server) if hooks.counts_active_servers() else None
    refusal = await hooks.authorize_spawn(server, active)
    if refusal is None:
        return
    if refusal.value.status == 429:  # noqa: PLR2004 - Too Many Requests
        raise TooManyError(refusal.value.reason)
    raise ForbiddenError(refusal.value.reason)


async def _count_active(store: Store, server: Server) -> ActiveServers:
    user = server.user
    own, groups = await store.read(lambda tx: tx.servers.count_active_of(user.id, server.name))
    return ActiveServers(user=own, groups={group: groups.get(group, 0) for group in user.groups})
