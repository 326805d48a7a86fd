"""Names of JupyterHub's and DockerSpawner's backends and our public names, and the plugins that they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from plughub.plugin.plugin_classes import PLUGIN_CLASSES

UPSTREAM_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "default": {"spawner": "localprocess", "authenticator": "pam", "proxy": "haproxy"},
    "configurable-http-proxy": {"proxy": "chp"},
    "docker-swarm": {"spawner": "swarm"},
    "docker-system-user": {"spawner": "system-user"},
    "jupyterhub.auth.NullAuthenticator": {"authenticator": "null"},
    "jupyterhub.authenticators.shared.SharedPasswordAuthenticator": {"authenticator": "shared-password"},
    "dockerspawner.DockerSpawner": {"spawner": "docker"},
    "dockerspawner.SwarmSpawner": {"spawner": "swarm"},
    "dockerspawner.SystemUserSpawner": {"spawner": "system-user"},
    "dockerspawner.dockerspawner.DockerSpawner": {"spawner": "docker"},
    "dockerspawner.swarmspawner.SwarmSpawner": {"spawner": "swarm"},
    "dockerspawner.systemuserspawner.SystemUserSpawner": {"spawner": "system-user"},
} | {
    f"{place}.{name}": {kind: plugin}
    for module, (kind, plugins) in PLUGIN_CLASSES.items()
    for place in (module, module.replace("plughub", "jupyterhub"))  # both have the same modules
    for name, plugin in plugins.items()
}
"""Plugin names by kind, for each short name, import path and defining module of a class."""


def plugin_instead(kind: str, wanted: Any) -> Any:
    """Return the plugin that one of the known names means; any other value unchanged.

    Args:
        kind: spawner, authenticator or proxy.
        wanted: a plugin name, the dotted name of a class, or a class.
    """
    name = f"{wanted.__module__}.{wanted.__qualname__}" if isinstance(wanted, type) else wanted
    known = UPSTREAM_NAMES.get(name, {}) if isinstance(name, str) else {}
    return known.get(kind, wanted)
