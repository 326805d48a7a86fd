"""Refusing a configuration that sets what nobody reads."""

from __future__ import annotations

import difflib
import ipaddress
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.plugins import PluginSelection
from plughub.app.upstream_names import UPSTREAM_NAMES
from plughub.app.upstream_settings import INSTEAD
from plughub.classes.config_check import unknown_settings
from plughub.classes.network import is_valid_ip
from plughub.domain.errors import StartError
from plughub.kinds import SpawnerInfo
from plughub.plugin.hooks import Hooks

log = logging.getLogger("plughub.app")
KINDS = ("Spawner", "Authenticator", "Proxy")
WITHOUT_EFFECT: Final[Mapping[str, frozenset[str]]] = {
    "Spawner": frozenset({"consecutive_failure_limit"}),
}
"""Settings that are taken, so that an old config file is read, but that nothing reads."""


def check_settings(
    config: Config, hub: JupyterHub, selection: PluginSelection, installed: Iterable[str]
) -> None:
    """Refuse settings that no active plugin has.

    Args:
        config: the whole configuration.
        hub: the settings of the hub.
        selection: the plugins that are active.
        installed: names of the plugins that are installed.

    Raises:
        StartError: there are such settings; all are named.
    """
    active = selection.active.names
    problems = unknown_settings(config, selection.classes, classes_of(set(installed) - set(active)), INSTEAD)
    problems += _settings_of_others(hub.plugin_settings, active)
    tell_of_idle_settings(config)
    tell_of_missing_files(hub)
    if problems:
        raise StartError("unknown settings:\n  " + "\n  ".join(problems), hint="correct or remove them")


def tell_of_idle_settings(config: Config) -> None:
    """Log which settings have no effect.

    Args:
        config: the whole configuration.
    """
    for section, values in config.items():
        for kind, names in WITHOUT_EFFECT.items():
            if section.endswith(kind) and isinstance(values, Config):
                for name in sorted(names & set(values)):
                    log.warning("c.%s.%s has no effect here: nothing reads it", section, name)


def tell_of_missing_files(hub: JupyterHub) -> None:
    """Log which files and folders for the look of the pages are not there.

    Args:
        hub: the settings of the hub.
    """
    if hub.logo_file and not Path(hub.logo_file).is_file():
        log.warning("c.JupyterHub.logo_file: there is no file %s; the hub's own logo is shown", hub.logo_file)
    for folder in hub.template_paths:
        if not Path(folder).is_dir():
            log.warning("c.JupyterHub.template_paths: there is no folder %s", folder)


def classes_of(plugins: Iterable[str]) -> dict[str, str]:
    """Tell which classes plugins have, without importing them: those known by name, and likely ones.

    Args:
        plugins: names of plugins.

    Returns:
        Names of plugins by names of classes, such as ``DockerSpawner`` for ``docker``.
    """
    names = set(plugins)
    likely = {f"{name.title().replace('-', '')}{kind}": name for name in sorted(names) for kind in KINDS}
    known = {
        dotted.rpartition(".")[2]: name
        for dotted, by_kind in UPSTREAM_NAMES.items()
        for name in by_kind.values()
        if name in names and "." in dotted
    }
    return likely | known


def _settings_of_others(sections: Iterable[str], active: tuple[str, ...]) -> Iterator[str]:
    for name in sections:
        if name not in active:
            near = difflib.get_close_matches(name, active, n=1)
            offer = f"did you mean {near[0]!r}?" if near else "add it to --plugins, or take these lines out"
            yield f"c.JupyterHub.plugin_settings: plugin {name!r} is not active; {offer}"


def warn_of_trust(spawners: Mapping[str, SpawnerInfo], hooks: Hooks) -> None:
    """Warn of spawners whose servers share a machine with their users and cannot be told from them.

    Args:
        spawners: what each says of itself.
        hooks: the hooks.
    """
    trusted = [name for name, info in spawners.items() if info.host_bound]
    if trusted := [name for name in trusted if not hooks.verifies_addresses(name)]:
        log.warning(
            "spawner %s runs servers on the machine of the hub and has no hub_verify_address: a user of that "
            "machine can take the port of another user's server and get its visitors",
            ", ".join(trusted),
        )


def warn_of_plain_http(hub: JupyterHub, ip: str) -> None:
    """Say at start that cookies can be read on their way, and by other programs of the host.

    Args:
        hub: the settings of the hub.
        ip: address on which users reach the hub.
    """
    local = ip == "localhost" or (is_valid_ip(ip) and ipaddress.ip_address(ip).is_loopback)
    if local or hub.ssl_cert or hub.public_url.startswith("https:"):
        return
    log.warning(
        "the hub is reached by plain http at %s: login cookies can be read on their way, and browsers send "
        "them to every port of this host. Set JupyterHub.ssl_cert and ssl_key; behind a proxy with TLS set "
        "JupyterHub.public_url to its https address",
        ip or "all addresses",
    )
