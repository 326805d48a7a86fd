"""Startup checks for settings that no active plugin reads, and warnings about risky ones."""

from __future__ import annotations

import difflib
import ipaddress
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from traitlets.config import Config

from plughub.app.class_plugins import JUPYTERHUB_GROUPS
from plughub.app.combined_classes import combined_classes
from plughub.app.config import JupyterHub
from plughub.app.helper_classes import helper_classes
from plughub.app.plugins import PluginSelection
from plughub.app.upstream_names import UPSTREAM_NAMES
from plughub.app.upstream_settings import INSTEAD
from plughub.classes.config_check import unknown_settings
from plughub.classes.network import is_valid_ip
from plughub.domain.errors import StartError
from plughub.kinds import SpawnerInfo
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.threads import ThreadPools

log = logging.getLogger("plughub.app")
KINDS = ("Spawner", "Authenticator", "Proxy")
WITHOUT_EFFECT: Final[Mapping[str, frozenset[str]]] = {
    "JupyterHub": frozenset({"config_file", "confirm_no_ssl", "generate_config"}),
    "Spawner": frozenset({"consecutive_failure_limit"}),
    "ConfigurableHTTPProxy": frozenset({"command_umask"}),
    "EventLog": frozenset({"allowed_schemas"}),
    "JupyterHubHTTPClient": frozenset({"connector_options", "session_options"}),
}
"""Settings that are accepted for compatibility with JupyterHub, but have no effect."""
WITHOUT_CLASS: Final = {name: WITHOUT_EFFECT[name] for name in ("JupyterHubHTTPClient",)}
"""Sections that no class of plughub reads."""
CORE_CLASSES: Final = {"LocalAuthenticator": "plugin 'pam'"}
"""Base classes of the core that only some authenticators inherit from, with a plugin that does."""
UNREGISTERED: Final[Mapping[str, frozenset[str]]] = {
    "batchspawner": frozenset(
        {
            *(
                "BatchSpawnerBase",
                "BatchSpawnerRegexStates",
                "CondorSpawner",
                "GridengineSpawner",
                "LsfSpawner",
            ),
            *("MoabSpawner", "PBSSpawner", "SlurmSpawner", "TorqueSpawner", "UGESpawner"),
        }
    ),
    "kubespawner": frozenset({"KubeSpawner"}),
    "oauthenticator": frozenset({"OAuthenticator"}),
    "wrapspawner": frozenset({"DockerProfilesSpawner", "ProfilesSpawner", "WrapSpawner"}),
}
"""Classes of packages for JupyterHub that no entry point names."""
OLD_LISTS: Final = {
    "whitelist": "allowed_users",
    "blacklist": "blocked_users",
    "group_whitelist": "allowed_groups",
}
"""Current name for each old name of a setting of authenticators."""


def check_settings(
    config: Config, hub: JupyterHub, selection: PluginSelection, installed: Iterable[str]
) -> list[str]:
    """Refuse settings that no active plugin has.

    Returns:
        Sections of inactive plugins and of other programs, which may stay.

    Raises:
        StartError: lists all unknown settings.
    """
    active = selection.active.names
    foreign = CORE_CLASSES | classes_of(set(installed) - set(active))
    caller = HookCaller(selection.active, ThreadPools())
    classes = [
        *selection.classes,
        *helper_classes(selection.classes),
        *combined_classes(config, selection.classes, caller),
    ]
    found = unknown_settings(config, classes, foreign, INSTEAD, without_class=WITHOUT_CLASS)
    if found.errors:
        foreign = classes_of_packages() | foreign
        found = unknown_settings(config, classes, foreign, INSTEAD, without_class=WITHOUT_CLASS)
    if problems := [*found.errors, *_settings_of_others(hub.plugin_settings, active)]:
        raise StartError("unknown settings:\n  " + "\n  ".join(problems), hint="correct or remove them")
    return found.inactive


def warn_of_settings(config: Config, hub: JupyterHub, inactive: Sequence[str]) -> None:
    """Log warnings about settings that have no effect or an old name, and about missing files.

    Args:
        config: the whole configuration.
        hub: the settings of the hub.
        inactive: result of `check_settings`.
    """
    if inactive:
        log.warning("settings of classes that are not active have no effect: %s", ", ".join(inactive))
    warn_of_unused_settings(config)
    warn_of_old_lists(config)
    warn_of_missing_files(hub)


def warn_of_unused_settings(config: Config) -> None:
    """Log one warning for all settings that have no effect."""
    unused = [
        f"c.{section}.{name}"
        for section, values in config.items()
        if isinstance(values, Config)
        for kind, names in WITHOUT_EFFECT.items()
        if section.endswith(kind)
        for name in sorted(names & set(values))
    ]
    if unused:
        log.warning("settings without effect in plughub, which can be removed: %s", ", ".join(unused))


def warn_of_old_lists(config: Config) -> None:
    """Log a warning for each list of authenticators that has its old name."""
    for section, values in config.items():
        for old, current in OLD_LISTS.items():
            if section.endswith("Authenticator") and old in values:
                log.warning("c.%s.%s is deprecated: set c.%s.%s", section, old, section, current)


def warn_of_missing_files(hub: JupyterHub) -> None:
    """Log a warning if the logo file or a template directory does not exist."""
    if hub.logo_file and not Path(hub.logo_file).is_file():
        log.warning("c.JupyterHub.logo_file: file not found: %s; using the default logo", hub.logo_file)
    if hub.data_files_path and not Path(hub.data_files_path).is_dir():
        log.warning("c.JupyterHub.data_files_path: directory not found: %s", hub.data_files_path)
    for folder in hub.template_paths:
        if not Path(folder).is_dir():
            log.warning("c.JupyterHub.template_paths: directory not found: %s", folder)


def classes_of(plugins: Iterable[str]) -> dict[str, str]:
    """Return the owner of each class name that plugins probably have, without importing them.

    For example ``plugin 'docker'`` for ``DockerSpawner``. Class names are known for JupyterHub's backends,
    and guessed from the plugin name otherwise.
    """
    names = set(plugins)
    likely = {f"{name.title().replace('-', '')}{kind}": name for name in sorted(names) for kind in KINDS}
    known = {
        dotted.rpartition(".")[2]: name
        for dotted, by_kind in UPSTREAM_NAMES.items()
        for name in by_kind.values()
        if name in names and "." in dotted
    }
    return {cls: f"plugin {name!r}" for cls, name in (likely | known).items()}


def classes_of_packages() -> dict[str, str]:
    """Return the owner of each class for JupyterHub of an installed package, without importing it."""
    unregistered = {
        cls: f"package {package!r}"
        for package, classes in UNREGISTERED.items()
        if find_spec(package)
        for cls in classes
    }
    return unregistered | {
        found.attr.rpartition(".")[2]: f"package {found.dist.name!r}"
        for group in JUPYTERHUB_GROUPS.values()
        for found in entry_points(group=group)
        if found.dist
    }


def _settings_of_others(sections: Iterable[str], active: tuple[str, ...]) -> Iterator[str]:
    for name in sections:
        if name not in active:
            similar = difflib.get_close_matches(name, active, n=1)
            offer = (
                f"did you mean {similar[0]!r}?" if similar else "add it to --plugins, or remove its settings"
            )
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
    if not uses_plain_http(hub, ip):
        return
    log.warning(
        "the hub uses plain http at %s: login cookies can be read in transit, and browsers send them to "
        "every port of this host. Set JupyterHub.ssl_cert and JupyterHub.ssl_key, or, behind a reverse proxy "
        "with TLS, set JupyterHub.public_url to its https URL",
        ip or "all addresses",
    )


def uses_plain_http(hub: JupyterHub, ip: str) -> bool:
    """Return whether browsers of other machines reach the hub by plain HTTP.

    Args:
        hub: settings of the hub.
        ip: address to which browsers connect; empty for all.
    """
    local = ip == "localhost" or (is_valid_ip(ip) and ipaddress.ip_address(ip).is_loopback)
    return not (local or hub.ssl_cert or hub.public_url.startswith("https:"))
