"""Choice of the active plugins: named plugins, plugins of configured classes, and defaults."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from traitlets.config import Config, Configurable

from plughub.app.class_plugins import (
    check_base,
    import_class,
    plugin_of_class,
    refuse_upstream,
)
from plughub.app.config import JupyterHub
from plughub.app.found_classes import ADAPTER, adapter_of, find_class, is_adapted, needs_adapter
from plughub.app.replacements import Replacements, find_replacements
from plughub.app.upstream_names import plugin_instead
from plughub.classes.adapters import adapt_authenticator, adapt_proxy, adapt_spawner
from plughub.classes.authenticator.access import AccessRules
from plughub.classes.authenticator.authenticator import Authenticator
from plughub.classes.crypt_keeper import CryptKeeper
from plughub.classes.proxy.proxy import Proxy
from plughub.classes.spawner.spawner import Spawner
from plughub.classes.system_accounts import SystemAccounts
from plughub.domain.errors import StartError
from plughub.plugin.hook_calls import HookCaller, failing_start
from plughub.plugin.loader import find_plugin, installed_plugins
from plughub.plugin.manager import KINDS, ActivePlugins
from plughub.plugin.plugin_classes import plugin_that_registers
from plughub.plugin.threads import ThreadPools
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.services.users.login_links import OneTimeLinks
from plughub.storage.store import Store

log = logging.getLogger("plughub.plugins")
DATABASE: Final = "database"
ACCESS: Final = "access"
DEFAULTS: Final = {"spawner": ("localprocess",), "authenticator": (ONETIME,), "proxy": ("haproxy",)}
ROOT_AUTHENTICATOR: Final = "pam"
CHP, CHP_CLASS = "chp", "ConfigurableHTTPProxy"

BASES: Final = {"spawner": Spawner, "authenticator": Authenticator, "proxy": Proxy}


@dataclass(slots=True)
class PluginSelection:
    """Chosen plugins.

    Attributes:
        active: the plugins.
        classes: every configurable class, for the check of the configuration.
        authenticators: instances of authenticator classes, by plugin.
        proxy_backend: instance of the proxy class; None if a plugin implements the hooks itself.
        default_spawner: spawner of start requests that name none.
        added: defaults that were added because no plugin of their kind was named.
        installed: names of the installed plugins, active or not.
        replacements: by kind, the plugin that a configured class replaces and the name of the class, under
            which older hubs stored it.
    """

    active: ActivePlugins
    classes: list[type[Configurable]] = field(default_factory=list)
    authenticators: dict[str, Authenticator] = field(default_factory=dict)
    proxy_backend: Proxy | None = None
    default_spawner: str = ""
    added: tuple[str, ...] = ()
    installed: frozenset[str] = frozenset()
    replacements: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def spawners(self) -> tuple[str, ...]:
        """Names of the spawners, the default one first."""
        owners = self.active.owners("spawner")
        return tuple(sorted(owners, key=lambda name: name != self.default_spawner))

    @property
    def proxy(self) -> str:
        """Name of the proxy."""
        return self.active.owners("proxy")[0]

    def accepts_name(self, name: str) -> bool:
        """Return whether at least one authenticator accepts a normalised username.

        Also True if no authenticator is a class.
        """
        classes = self.authenticators.values()
        return not classes or any(found.validate_username(name) for found in classes)


class PluginChooser:
    """Finds, loads and checks the plugins of a hub.

    Args:
        hub: the settings of the hub.
        config: the whole configuration.
        store: storage of the one-time login links, a plugin of the core.
        prefix: path of the hub's own pages.

    Attributes:
        links: the one-time login links, active or not.
    """

    def __init__(self, hub: JupyterHub, config: Config, store: Store, prefix: str = "/hub/") -> None:
        self.links = OneTimeLinks(store)
        self._hub = hub
        self._config = config
        self._builtins = {ONETIME: self.links}
        self._prefix = prefix
        self._installed = installed_plugins()
        self._implied = ""
        self._selection = PluginSelection(ActivePlugins(), installed=frozenset(self._installed))
        self._classes: dict[tuple[str, str], type | None] = {}
        self._caller = HookCaller(self._selection.active, ThreadPools())

    def choose(self, names: Sequence[str]) -> PluginSelection:
        """Load the plugins and create their backends.

        Args:
            names: of ``--plugins``.

        Raises:
            StartError: a plugin is missing, broken or incompatible, or a kind is missing or ambiguous.
        """
        for name in names:
            self._add(name)
        self._add_classes()
        self._add_defaults()
        self._check_kinds()
        return self.build()

    def steps(self, names: Sequence[str]) -> list[tuple[Callable[[], object], frozenset[str]]]:
        """Return the steps of the choice, so that a caller can continue after a failed one.

        Each step is a function and the kinds of backends that may be missing if it fails.
        """
        of_names = [(partial(self._add, name), frozenset(KINDS)) for name in names]
        of_kinds = [(partial(self._add_class_of, kind), frozenset({kind})) for kind in KINDS]
        return [
            *of_names,
            *of_kinds,
            *((partial(self._classes_of, kind), frozenset({kind})) for kind in KINDS),
            (self._add_defaults, frozenset(KINDS)),
            (self._check_kinds, frozenset()),
        ]

    def loaded(self) -> PluginSelection:
        """Return the plugins that were loaded so far, with their classes but without instances."""
        self._selection.classes += [JupyterHub, Authenticator, CryptKeeper, SystemAccounts]
        for answer in self._caller.register("hub_register_configurables", each=type(Configurable)):
            self._selection.classes += answer.value
        for kind, base in BASES.items():
            self._selection.classes += [
                cls for cls in self._classes_of(kind).values() if issubclass(cls, base)
            ]
        return self._selection

    @property
    def installed(self) -> tuple[str, ...]:
        """Names of the installed plugins, active or not."""
        return tuple(self._installed)

    def _add(self, name: str, kinds: Iterable[str] = KINDS) -> str:
        if name in self._builtins:
            self._selection.active.add(name, self._builtins[name])
            return name
        if name not in self._installed and (found := self._find_class(name, kinds)):
            return self._add_found(name, *found)
        plugin = find_plugin(name, self._installed)
        if plugin.name not in self._selection.active.names:
            self._selection.active.add(plugin.name, plugin.load())
        elif name == self._implied:
            self._implied = ""
        elif name == plugin.name:
            raise StartError(f"plugin {name!r} is named twice")
        return plugin.name

    def _find_class(self, name: str, kinds: Iterable[str]) -> tuple[str, type] | None:
        """Return the kind and the class of a short name that an active plugin knows; None for any other."""
        if adapter_of(name, kinds, self._installed):
            self._add_adapter(name)
        return find_class(self._caller, name, kinds)

    def _add_adapter(self, name: str) -> None:
        if ADAPTER not in self._selection.active.names:
            log.info("plugin %r is active, because %r is a class for JupyterHub", ADAPTER, name)
            self._selection.active.add(ADAPTER, self._installed[ADAPTER].load())
            self._implied = ADAPTER

    def _add_found(self, name: str, kind: str, cls: type) -> str:
        """Add a class as a plugin with its short name."""
        if name in self._selection.active.names:
            raise StartError(f"plugin {name!r} is named twice")
        self._selection.active.add(name, plugin_of_class(kind, cls)[1])
        self._selection.replacements[kind] = (name, cls.__name__)
        return name

    def _add_classes(self) -> None:
        for kind in KINDS:
            self._add_class_of(kind)

    def _add_class_of(self, kind: str) -> None:
        if wanted := getattr(self._hub, f"{kind}_class"):
            name = self._plugin_of(kind, wanted)
            if kind == "spawner":
                self._selection.default_spawner = name

    def _plugin_of(self, kind: str, wanted: str | type) -> str:
        wanted = self._plugin_instead(kind, wanted)
        if isinstance(wanted, str) and "." in wanted and wanted not in self._selection.active.names:
            wanted = self._plugin_instead(kind, import_class(kind, wanted))
        if isinstance(wanted, type):
            wanted = self._plugin_or_class(kind, wanted)
        if isinstance(wanted, str):
            if wanted in self._selection.active.names:
                return wanted  # already listed in plugins; the setting only makes it the first of its kind
            known = (*self._builtins, *self._installed)
            if wanted not in known and not adapter_of(wanted, (kind,), self._installed):
                refuse_upstream(kind, wanted)
            return self._replace_parents(kind, self._add(wanted, (kind,)))
        same = [name for name, cls in self._classes_of(kind).items() if cls is wanted]
        return same[0] if same else self._add_class(kind, wanted)

    def _plugin_instead(self, kind: str, wanted: Any) -> Any:
        """Return the plugin that a known name means; the name itself if only the adapter runs its class."""
        plugin = plugin_instead(kind, wanted)
        active = self._selection.active.names
        if plugin is wanted or (
            plugin not in self._installed and is_adapted(kind, wanted, active, self._installed)
        ):
            return wanted
        log.info("c.JupyterHub.%s_class = %r is the plugin %r", kind, wanted, plugin)
        return plugin

    def _plugin_or_class(self, kind: str, cls: type) -> str | type:
        """Return the installed plugin that registers a class; the class itself if none does."""
        owner = plugin_that_registers(kind, cls, self._installed.values())
        if owner and cls.__name__ not in self._installed:
            self._selection.replacements[kind] = (owner, cls.__name__)
        return owner or cls

    def _add_class(self, kind: str, wanted: Any) -> str:
        name, plugin = plugin_of_class(kind, wanted)
        if needs_adapter(wanted) and ADAPTER in self._installed:
            self._add_adapter(name)
        found = find_replacements(kind, wanted, self._classes_of(kind), self._packages())
        self._retire(kind, name, found)
        if not found.place:
            self._selection.active.add(name, plugin)
            return name
        log.info("%s replaces plugin %r", name, found.place)
        self._classes[kind, found.place] = wanted
        if name not in self._selection.active.names:
            self._selection.replacements[kind] = (found.place, name)
        return found.place

    def _replace_parents(self, kind: str, name: str) -> str:
        """Replace the plugins from whose classes a named plugin's class inherits."""
        offers = self._classes_of(kind)
        if name in offers:
            found = find_replacements(kind, offers[name], offers, self._packages(), own_name=name)
            self._retire(kind, name, found)
        return name

    def _retire(self, kind: str, name: str, found: Replacements) -> None:
        for retired in found.retired:
            self._selection.active.retire(retired, kind)
            log.warning(
                "%s replaces plugin %r as %s, but cannot manage what %r started. That keeps running "
                "until the plugin is active again",
                name,
                retired,
                kind,
                retired,
            )

    def _classes_of(self, kind: str) -> dict[str, type]:
        """Return the classes of a kind that active plugins register; ask each plugin once."""
        for name in self._selection.active.names:
            if (kind, name) not in self._classes:
                answers = self._caller.register(f"hub_register_{kind}", only=name)
                self._classes[kind, name] = None  # also of a class that is refused
                for answer in answers:
                    check_base(name, kind, answer.value, BASES[kind])
                    self._classes[kind, name] = answer.value
        current = self._selection.active.owners(kind)
        found = {name: self._classes.get((kind, name)) for name in current}
        return {name: cls for name, cls in found.items() if cls is not None}

    def _packages(self) -> frozenset[str]:
        return frozenset(plugin.package for plugin in self._installed.values())

    def _add_defaults(self) -> None:
        added = []
        is_default = not self._selection.active.names
        for kind, names in _defaults(self._config, self._installed).items():
            if not self._selection.active.owners(kind):
                added += [self._add(name) for name in names]
        if CHP in added:
            log.info("c.%s is set: the default proxy is %s", CHP_CLASS, CHP)
        if is_default and os.geteuid() == 0 and ROOT_AUTHENTICATOR in self._installed:
            added.append(self._add(ROOT_AUTHENTICATOR))
        self._selection.added = tuple(added)

    def _check_kinds(self) -> None:
        proxies = self._selection.active.owners("proxy")
        if len(proxies) > 1:
            raise StartError(f"two proxies are active: {' and '.join(proxies)}", hint="name only one of them")
        default = self._selection.default_spawner
        if default and default not in self._selection.active.owners("spawner"):
            raise StartError(f"plugin {default!r} is not a spawner", hint="check JupyterHub.spawner_class")

    def build(self) -> PluginSelection:
        """Create the backends of the loaded plugins.

        Raises:
            StartError: a constructor failed.
        """
        selection, active = self._selection, self._selection.active
        for answer in self._caller.register("hub_register_configurables", each=type(Configurable)):
            selection.classes += answer.value
        for kind in BASES:
            for plugin, cls in self._classes_of(kind).items():
                selection.classes.append(cls)
                with failing_start(plugin, f"the constructor of {cls.__name__}", cls):
                    active.add_part(plugin, kind, self._adapter(plugin, kind, cls))
        selection.classes += [JupyterHub, Authenticator, CryptKeeper, SystemAccounts]
        selection.default_spawner = selection.default_spawner or active.owners("spawner")[0]
        fallback = Authenticator(config=self._config)
        active.add(ACCESS, AccessRules(selection.authenticators, fallback, frozenset({ONETIME})))
        return selection

    def _adapter(self, plugin: str, kind: str, cls: type) -> object:
        authenticators = self._selection.authenticators
        if kind == "spawner":
            return adapt_spawner(plugin, cls, self._config, authenticators=authenticators)
        if kind == "proxy":
            hooks, self._selection.proxy_backend = adapt_proxy(plugin, cls, self._config)
            return hooks
        hooks, authenticators[plugin] = adapt_authenticator(plugin, cls, self._config, self._prefix)
        return hooks


def _defaults(config: Config, installed: Container[str]) -> Mapping[str, Sequence[str]]:
    """Return the default plugins by kind; settings of configurable-http-proxy choose it as the proxy."""
    if config.get(CHP_CLASS) and CHP in installed:
        return DEFAULTS | {"proxy": (CHP,)}
    return DEFAULTS
