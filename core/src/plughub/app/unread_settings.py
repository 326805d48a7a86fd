"""Startup checks for settings that no active plugin reads, and warnings about risky ones."""

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
"""Settings that are accepted for compatibility with JupyterHub, but have no effect."""


def check_settings(
    config: Config, hub: JupyterHub, selection: PluginSelection, installed: Iterable[str]
) -> None:
    """Refuse settings that no active plugin has, and warn of settings without effect.

    Raises:
        StartError: lists all unknown settings.
    """
    active = selection.active.names
    problems = unknown_settings(config, selection.classes, classes_of(set(installed) - set(active)), INSTEAD)
    problems += _settings_of_others(hub.plugin_settings, active)
    warn_of_unused_settings(config)
    warn_of_missing_files(hub)
    if problems:
        raise StartError("unknown settings:\n  " + "\n  ".join(problems), hint="correct or remove them")


def warn_of_unused_settings(config: Config) -> None:
    """Log a warning for each setting that has no effect."""
    for section, values in config.items():
        for kind, names in WITHOUT_EFFECT.items():
            if section.endswith(kind) and isinstance(values, Config):
                for name in sorted(names & set(values)):
                    log.warning("c.%s.%s has no effect in plughub", section, name)


def warn_of_missing_files(hub: JupyterHub) -> None:
    """Log a warning if the logo file or a template directory does not exist."""
    if hub.logo_file and not Path(hub.logo_file).is_file():
        log.warning("c.JupyterHub.logo_file: file not found: %s; using the default logo", hub.logo_file)
    for folder in hub.template_paths:
        if not Path(folder).is_dir():
            log.warning("c.JupyterHub.template_paths: directory not found: %s", folder)


def classes_of(plugins: Iterable[str]) -> dict[str, str]:
    """Return the plugin for each class name that plugins probably have, without importing them.

    For example ``DockerSpawner`` for ``docker``. Class names are known for JupyterHub's backends, and guessed
    from the plugin name otherwise.
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
            offer = f"did you mean {near[0]!r}?" if near else "add it to --plugins, or remove its settings"
            yield f"c.JupyterHub.plugin_settings: plugin {name!r} is not active; {offer}"


def warn_of_trust(spawners: Mapping[str, SpawnerInfo], hooks: Hooks) -> None:
    """Warn of spawners whose servers run on the hub's machine without a check of who owns their port."""
    host_bound = [name for name, info in spawners.items() if info.host_bound]
    if unverified := [name for name in host_bound if not hooks.verifies_addresses(name)]:
        log.warning(
            "spawner %s runs servers on the hub's machine but does not implement hub_verify_address: a user "
            "of that machine can take over the port of another user's server and receive its requests",
            ", ".join(unverified),
        )


def warn_of_plain_http(hub: JupyterHub, ip: str) -> None:
    """Warn that login cookies are sent in plain text, unless browsers use HTTPS or the loopback interface."""
    local = ip == "localhost" or (is_valid_ip(ip) and ipaddress.ip_address(ip).is_loopback)
    if local or hub.ssl_cert or hub.public_url.startswith("https:"):
        return
    log.warning(
        "the hub uses plain http at %s: login cookies can be read in transit, and browsers send them to "
        "every port of this host. Set JupyterHub.ssl_cert and JupyterHub.ssl_key, or, behind a reverse proxy "
        "with TLS, set JupyterHub.public_url to its https URL",
        ip or "all addresses",
    )
