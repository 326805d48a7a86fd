"""What may be asked for: servers of which names, by which spawner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from plughub.domain.errors import ForbiddenError, InvalidError, TooManyError
from plughub.domain.names import check_server_name, shorten
from plughub.domain.plain_json import plain_json
from plughub.domain.users import User
from plughub.kinds import Server
from plughub.plugin.hooks import Hooks
from plughub.services.settings import HubSettings
from plughub.storage.store import Store

MAX_OLD_NAME: Final = 255
"""Characters, as long as the database holds them."""


async def check_named(store: Store, settings: HubSettings, user: User, name: str) -> None:
    """Check that a server may be started by its name.

    Args:
        store: the storage.
        settings: of the hub.
        user: whose.
        name: the name; the empty one is the default server's and always good.

    Raises:
        InvalidError: named servers are not enabled, or it breaks the rule; a server of an older hub may
            keep such a name, unless the settings say otherwise.
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
    """Choose the spawner for a start.

    Args:
        settings: of the hub.
        wanted: what the user asked for; empty for the default one.

    Returns:
        Name of the plugin.

    Raises:
        InvalidError: there is no such spawner.
    """
    if wanted and wanted not in settings.spawners:
        known = ", ".join(settings.spawners)
        raise InvalidError(f"there is no spawner {shorten(wanted)} here; choose among {known}")
    return wanted or settings.default_spawner


def check_options(options: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Check what a user chose for a server, wherever it came from: it is small JSON.

    Args:
        options: the options; None for those of the last time.

    Returns:
        The options as they are stored and handed to plugins.

    Raises:
        TooLargeError: they are longer than the hub keeps.
        InvalidError: they hold a file or something else that is no JSON.
    """
    return None if options is None else plain_json(options, "the options of the server")


async def check_authorized(hooks: Hooks, view: Callable[[], Awaitable[Server]]) -> None:
    """Ask the plugins whether a start may be.

    Args:
        hooks: the hooks.
        view: gives the server as plugins see it; it is not asked where no plugin would be.

    Raises:
        ForbiddenError: a plugin refuses.
        TooManyError: a plugin refuses for now.
    """
    if not hooks.authorizes_spawns():
        return
    refusal = await hooks.authorize_spawn(await view())
    if refusal is None:
        return
    if refusal.value.status == 429:  # noqa: PLR2004 - Too Many Requests
        raise TooManyError(refusal.value.reason)
    raise ForbiddenError(refusal.value.reason)
