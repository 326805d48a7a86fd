"""URLs of one-time login links, and the user for whom the hub creates the first one."""

from __future__ import annotations

import getpass
import os
from collections.abc import Collection
from urllib.parse import urlencode

from traitlets.config import Config

from plughub.app.addresses import addresses
from plughub.app.config import JupyterHub
from plughub.app.origins import read_origins
from plughub.app.plugins import PluginChooser
from plughub.app.service_settings import proxy_settings
from plughub.classes.system_accounts import SystemAccounts
from plughub.domain.errors import StartError
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.storage.database import Database
from plughub.storage.store import Store


def starter() -> str:
    """Return the name of the person who runs this process: of the user behind ``sudo``, if any.

    Raises:
        StartError: the uid of this process has no name, as is common in containers.
    """
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError) as error:
        raise StartError(
            f"no login link can be created: uid {os.getuid()} of this process has no username",
            hint="set the environment variable USER to the username for the login link",
        ) from error


def caller() -> str:
    """Return the name of the person who runs this process for the audit trail; the uid if it has no name."""
    try:
        return starter()
    except StartError:  # as in a container that runs as any number
        return str(os.getuid())


def note_for_root(config: Config, plugins: Collection[str]) -> str:
    """Return what root must know before using a login link: `localprocess` starts no server for it.

    Args:
        config: the whole configuration.
        plugins: names of the active plugins.

    Returns:
        A line for the terminal; empty for other users, and if root may have a server.
    """
    if starter() != "root" or "localprocess" not in plugins:
        return ""
    if "root" in SystemAccounts(config=config).allowed:
        return ""
    return (
        "root gets no server: use the link to administer the hub, or start the hub as another user or with "
        "sudo; where there is only root, add --SystemAccounts.allowed=root"
    )


def login_link(hub_url: str, token: str) -> str:
    """Return the URL of a one-time login link.

    Args:
        hub_url: URL of the hub for browsers, with its base_url.
        token: the secret part.
    """
    return f"{hub_url.rstrip('/')}/hub/login/onetime?{urlencode({'token': token})}"


def address_for_users(hub: JupyterHub) -> str:
    """Return the URL of a hub for browsers, with base_url, from its settings alone.

    Raises:
        StartError: the settings conflict.
    """
    where, origins = addresses(hub), read_origins(hub)
    if origins.hub:
        return origins.hub + where.base_url
    return proxy_settings(hub, where, origins).public_url


def require_login_links(config: Config, names: list[str]) -> None:
    """Refuse to create a login link that no hub with this configuration would accept.

    Raises:
        StartError: one-time links are not active, or a plugin cannot be loaded.
    """
    hub = JupyterHub(config=config)
    store = Store(Database(hub.db_url, hub.db_kwargs))
    chooser = PluginChooser(hub, config, store, addresses(hub).hub_prefix)
    active = chooser.choose(names).active.names
    if ONETIME not in active:
        raise StartError(
            f"one-time login links are not active; active plugins: {', '.join(active)}",
            hint=f"add {ONETIME!r} to c.JupyterHub.plugins (or --plugins) and restart the hub",
        )
