"""Where one-time login links lead, and who starts a hub."""

from __future__ import annotations

import getpass
import os
from urllib.parse import urlencode

from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.origins import read_origins
from plughub.app.plugins import PluginChooser
from plughub.app.service_settings import addresses, proxy_settings
from plughub.domain.errors import StartError
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.storage.database import Database
from plughub.storage.store import Store


def starter() -> str:
    """Name the person who runs this process.

    Returns:
        Name of the person behind ``sudo``, else of the user of this process.

    Raises:
        StartError: the user of this process has no name, as in a container that runs as any number.
    """
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError) as error:
        raise StartError(
            f"the user of this process, {os.getuid()}, has no name, and the login link is for that user",
            hint="set the environment variable USER to the name that you want to have in the hub",
        ) from error


def login_link(hub_url: str, token: str) -> str:
    """Build a one-time login link.

    Args:
        hub_url: where a browser reaches the hub, with its base_url.
        token: the secret part.

    Returns:
        The link.
    """
    return f"{hub_url.rstrip('/')}/hub/login/onetime?{urlencode({'token': token})}"


def address_for_users(hub: JupyterHub) -> str:
    """Work out the address at which users reach a hub, from its settings alone.

    Args:
        hub: the settings of the hub.

    Returns:
        public_url where it is set, else the address of the proxy; with base_url.

    Raises:
        StartError: the settings do not go together.
    """
    where, origins = addresses(hub), read_origins(hub)
    if origins.hub:
        return origins.hub + where.base_url
    return proxy_settings(hub, where, origins).public_url


def require_login_links(config: Config, names: list[str]) -> None:
    """Refuse to make a login link that no hub with this configuration would take.

    Args:
        config: the configuration.
        names: plugins as named on the command line or elsewhere; empty for the defaults.

    Raises:
        StartError: one-time links are not active, or a plugin cannot be loaded.
    """
    hub = JupyterHub(config=config)
    store = Store(Database(hub.db_url, hub.db_kwargs))
    chooser = PluginChooser(hub, config, store, addresses(hub).hub_prefix)
    active = chooser.choose(names).active.names
    if ONETIME not in active:
        raise StartError(
            f"one-time login links are not active; the plugins are: {', '.join(active)}",
            hint=f"add {ONETIME!r} to c.JupyterHub.plugins (or --plugins) and restart the hub",
        )
