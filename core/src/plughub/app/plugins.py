"""Which plugins are active: those that are named, those that a config file names by class, the defaults."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from traitlets.config import Config, Configurable

from plughub.app.class_plugins import (
    import_class,
    name_of,
    plugin_of_class,
    refuse_upstream,
    what_to_inherit,
)
from plughub.app.config import JupyterHub
from plughub.app.replacements import Replacements, succession
from plughub.app.upstream_names import plugin_instead
from plughub.classes.authenticator.access import AccessRules
from plughub.classes.authenticator.authenticator import Authenticator
from plughub.classes.authenticator.hooks import AuthenticatorHooks
from plughub.classes.crypt_keeper import CryptKeeper
from plughub.classes.proxy.hooks import ProxyHooks
from plughub.classes.proxy.proxy import Proxy
from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.classes.spawner.spawner import Spawner
from plughub.classes.system_accounts import SystemAccounts
from plughub.domain.errors import StartError
from plughub.kinds import Command
from plughub.plugin.hook_calls import HookCaller, failing_start
from plughub.plugin.loader import find_plugin, installed_plugins
from plughub.plugin.manager import KINDS, ActivePlugins
from plughub.plugin.threads import ThreadPools
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.services.users.login_links import OneTimeLinks
from plughub.storage.store import Store

log = logging.getLogger("plughub.plugins")
DATABASE: Final = "database"
ACCESS: Final = "access"
DEFAULTS: Final = {"spawner": ("localprocess",), "authenticator": (ONETIME,), "proxy": ("haproxy",)}
ROOT_AUTHENTICATOR: Final = "pam"

BASES: Final = {"spawner": Spawner, "authenticator": Authenticator, "proxy": Proxy}


@dataclass(slots=True)
class PluginSelection:
    """The plugins that were chosen.

    Attributes:
        active: the plugins.
        classes: every configurable class, for the check of the configuration.
        authenticators: instances of authenticator classes, by plugin.
        default_spawner: the one that is used when nobody chooses.
        added: plugins that nobody named.
        heirs: by kind, the plugin whose place a configured class takes and the name of the class, by which
            an older hub called it.
    """

    active: ActivePlugins
    classes: list[type[Configurable]] = field(default_factory=list)
    authenticators: dict[str, Authenticator] = field(default_factory=dict)
    default_spawner: str = ""
    added: tuple[str, ...] = ()
    heirs: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def spawners(self) -> tuple[str, ...]:
        """The spawners, the default one first."""
        owners = self.active.owners("spawner")
        return tuple(sorted(owners, key=lambda name: name != self.default_spawner))

    @property
    def proxy(self) -> str:
        """The proxy."""
        return self.active.owners("proxy")[0]

    def accepts_name(self, name: str) -> bool:
        """Tell whether a person of any authenticator may have a name.

        Args:
            name: normalised.

        Returns:
            False when all refuse it; True also when no authenticator is a class.
        """
        classes = self.authenticators.values()
        return not classes or any(found.validate_username(name) for found in classes)


class PluginChooser:
    """Finds, loads and checks the plugins of a hub.

    Args:
        hub: the settings of the hub.
        config: the whole configuration.
        store: for the one-time login links, a plugin of the core.
        prefix: path of the hub's own pages.

    Attributes:
        links: the one-time login links, whether that plugin is chosen or not.
    """

    def __init__(self, hub: JupyterHub, config: Config, store: Store, prefix: str = "/hub/") -> None:
        self.links = OneTimeLinks(store)
        self._hub = hub
        self._config = config
        self._builtins = {ONETIME: self.links}
        self._prefix = prefix
        self._installed = installed_plugins()
        self._selection = PluginSelection(ActivePlugins())
        self._offered: dict[tuple[str, str], type | None] = {}
        self._caller = HookCaller(self._selection.active, ThreadPools())

    def choose(self, names: Sequence[str]) -> PluginSelection:
        """Load the plugins and build what they are made of.

        Args:
            names: as typed after ``--plugins``.

        Returns:
            The selection.

        Raises:
            StartError: one is missing, broken, too old, or the kinds do not fit together.
        """
        for name in names:
            self._add(name)
        self._add_classes()
        self._add_defaults()
        self._check_kinds()
        self._build_backends()
        return self._selection

    def steps(self, names: Sequence[str]) -> list[tuple[Callable[[], object], frozenset[str]]]:
        """List the steps of a choice one by one, so that one that fails does not hide the others.

        Args:
            names: as typed after ``--plugins``.

        Returns:
            Functions that load plugins, each with the kinds of backends that may be missing when it fails.
        """
        of_names = [(partial(self._add, name), frozenset(KINDS)) for name in names]
        of_kinds = [(partial(self._add_class_of, kind), frozenset({kind})) for kind in KINDS]
        return [
            *of_names,
            *of_kinds,
            *((partial(self._offers, kind), frozenset({kind})) for kind in KINDS),
            (self._add_defaults, frozenset(KINDS)),
            (self._check_kinds, frozenset()),
        ]

    def loaded(self) -> PluginSelection:
        """Give what was loaded so far, with its classes, of which nothing is built."""
        self._selection.classes += [JupyterHub, Authenticator, CryptKeeper, SystemAccounts]
        for answer in self._caller.register("hub_register_configurables"):
            self._selection.classes += answer.value
        for kind, base in BASES.items():
            self._selection.classes += [cls for cls in self._offers(kind).values() if issubclass(cls, base)]
        return self._selection

    @property
    def installed(self) -> tuple[str, ...]:
        """Names of the plugins that are installed, active or not."""
        return tuple(self._installed)

    def _add(self, name: str) -> str:
        if name in self._builtins:
            self._selection.active.add(name, self._builtins[name])
            return name
        plugin = find_plugin(name, self._installed)
        if plugin.name not in self._selection.active.names:
            self._selection.active.add(plugin.name, plugin.load())
        elif name == plugin.name:
            raise StartError(f"plugin {name!r} is named twice")
        return plugin.name

    def _add_classes(self) -> None:
        for kind in KINDS:
            self._add_class_of(kind)

    def _add_class_of(self, kind: str) -> None:
        if wanted := getattr(self._hub, f"{kind}_class"):
            name = self._plugin_of(kind, wanted)
            if kind == "spawner":
                self._selection.default_spawner = name

    def _plugin_of(self, kind: str, wanted: str | type) -> str:
        wanted = plugin_instead(kind, wanted)
        if isinstance(wanted, str) and "." in wanted and wanted not in self._selection.active.names:
            wanted = plugin_instead(kind, import_class(kind, wanted))
        if isinstance(wanted, str):
            if wanted in self._selection.active.names:
                return wanted  # named on purpose beside others; this says which one comes first
            if wanted not in self._builtins and wanted not in self._installed:
                refuse_upstream(kind, wanted)
            return self._succeed(kind, self._add(wanted))
        same = [name for name, cls in self._offers(kind).items() if cls is wanted]
        return same[0] if same else self._add_class(kind, wanted)

    def _add_class(self, kind: str, wanted: Any) -> str:
        name, plugin = plugin_of_class(kind, wanted)
        found = succession(kind, wanted, self._offers(kind), self._packages())
        self._retire(kind, name, found)
        if not found.place:
            self._selection.active.add(name, plugin)
            return name
        log.info("%s takes the place of plugin %r", name, found.place)
        self._offered[kind, found.place] = wanted
        if name not in self._selection.active.names:
            self._selection.heirs[kind] = (found.place, name)
        return found.place

    def _succeed(self, kind: str, name: str) -> str:
        """Have a plugin that the config file names as a class take the place of those it inherits from."""
        offers = self._offers(kind)
        if name in offers:
            found = succession(kind, offers[name], offers, self._packages(), own_name=name)
            self._retire(kind, name, found)
        return name

    def _retire(self, kind: str, name: str, found: Replacements) -> None:
        for gone in found.retired:
            self._selection.active.retire(gone, kind)
            log.warning(
                "%s replaces plugin %r as %s, but is not the same: what %r looks after is left alone until "
                "it is active again",
                name,
                gone,
                kind,
                gone,
            )

    def _offers(self, kind: str) -> dict[str, type]:
        """Ask the active plugins for their classes of a kind, each of them once."""
        for name in self._selection.active.names:
            if (kind, name) not in self._offered:
                answers = self._caller.register(f"hub_register_{kind}", only=name)
                self._offered[kind, name] = answers[0].value if answers else None
                for answer in answers:
                    _check_class(name, kind, answer.value, BASES[kind])
        current = self._selection.active.owners(kind)
        found = {name: self._offered.get((kind, name)) for name in current}
        return {name: cls for name, cls in found.items() if cls is not None}

    def _packages(self) -> frozenset[str]:
        return frozenset(
            plugin.module.partition(":")[0].partition(".")[0] for plugin in self._installed.values()
        )

    def _add_defaults(self) -> None:
        added = []
        nothing_named = not self._selection.active.names
        for kind, names in DEFAULTS.items():
            if not self._selection.active.owners(kind):
                added += [self._add(name) for name in names]
        if nothing_named and os.geteuid() == 0 and ROOT_AUTHENTICATOR in self._installed:
            added.append(self._add(ROOT_AUTHENTICATOR))
        self._selection.added = tuple(added)

    def _check_kinds(self) -> None:
        proxies = self._selection.active.owners("proxy")
        if len(proxies) > 1:
            raise StartError(f"two proxies are active: {' and '.join(proxies)}", hint="name one of them")
        default = self._selection.default_spawner
        if default and default not in self._selection.active.owners("spawner"):
            raise StartError(f"plugin {default!r} is no spawner", hint="check spawner_class")

    def _build_backends(self) -> None:
        selection, active = self._selection, self._selection.active
        for answer in self._caller.register("hub_register_configurables", each=type(Configurable)):
            selection.classes += answer.value
        for kind in BASES:
            for plugin, cls in self._offers(kind).items():
                selection.classes.append(cls)
                with failing_start(plugin, f"the constructor of {cls.__name__}"):
                    active.add_part(plugin, kind, self._adapter(plugin, kind, cls))
        selection.classes += [JupyterHub, Authenticator, CryptKeeper, SystemAccounts]
        selection.default_spawner = selection.default_spawner or active.owners("spawner")[0]
        fallback = Authenticator(config=self._config)
        active.add(ACCESS, AccessRules(selection.authenticators, fallback, frozenset({ONETIME})))

    def _adapter(self, plugin: str, kind: str, cls: type) -> object:
        if kind == "spawner":
            return SpawnerHooks(plugin, cls, self._config, authenticators=self._selection.authenticators)
        backend = cls(config=self._config, log=logging.getLogger(f"plughub.{plugin}"))
        if kind == "proxy":
            return ProxyHooks(plugin, backend)
        self._selection.authenticators[plugin] = backend
        return AuthenticatorHooks(plugin, backend, self._prefix)


def plugin_names(given: str | None, hub: JupyterHub) -> list[str]:
    """Find the names of the plugins: the command line, else the environment, else the configuration.

    Args:
        given: as typed after ``--plugins``, separated by commas.
        hub: the settings of the hub.

    Returns:
        The names.
    """
    text = given if given is not None else os.environ.get("PLUGHUB_PLUGINS", "")
    return [name.strip() for name in text.split(",") if name.strip()] or list(hub.plugins)


def plugin_commands(config: Config, names: Sequence[str]) -> dict[str, Command]:
    """Load the plugins that are named and collect the commands that they add.

    Args:
        config: the configuration.
        names: as typed after ``--plugins``.

    Returns:
        The commands by name.

    Raises:
        StartError: a plugin is not good, or two have the same command.
    """
    active, installed = ActivePlugins(), installed_plugins()
    for name in names:
        if name != ONETIME:
            plugin = find_plugin(name, installed)
            active.add(plugin.name, plugin.load())
    commands: dict[str, Command] = {}
    for answer in HookCaller(active, ThreadPools()).register(
        "hub_register_commands", each=Command, config=config
    ):
        for command in answer.value:
            if command.name in commands:
                raise StartError(f"two plugins have a command {command.name!r}")
            commands[command.name] = command
    return commands


def _check_class(plugin: str, kind: str, cls: object, base: type) -> None:
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise StartError(
            f"plugin {plugin!r} does not keep the contract: {name_of(cls)} is no {base.__name__} of plughub",
            hint=what_to_inherit(kind, cls),
        )
