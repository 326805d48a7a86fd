"""Configuration of a hub, read and checked as a whole before anything is written or started."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from traitlets.config import Config

from plughub.app.addresses import Addresses, addresses
from plughub.app.config import JupyterHub
from plughub.app.declarations import declared_of, scopes_of
from plughub.app.login_links import starter
from plughub.app.observability import Observing
from plughub.app.old_names import apply_old_names
from plughub.app.origins import read_origins
from plughub.app.plugins import DATABASE, PluginChooser, PluginSelection
from plughub.app.service_settings import proxy_settings
from plughub.app.setting_checks import backend_checks, setting_checks
from plughub.app.unread_settings import check_settings, warn_of_settings
from plughub.domain.declarations import Declarations
from plughub.domain.errors import InvalidError, StartError
from plughub.domain.origins import Origins
from plughub.domain.scopes import ScopeTree
from plughub.kinds import ProxySettings
from plughub.services.tokens.database_tokens import DatabaseTokens
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.services.users.login_links import OneTimeLinks
from plughub.storage.database import Database
from plughub.storage.store import Store

log = logging.getLogger("plughub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Configuration of a hub process.

    Attributes:
        config: the settings of the hub.
        where: the addresses.
        origins: web origins of hub, servers and services.
        proxy: settings of the proxy, without certificates.
        store: the storage, which is not opened yet.
        selection: the plugins.
        links: one-time login links; active if `ONETIME` is among the plugins.
        observing: metrics, event log and audit trail.
        tree: the scopes.
        declared: roles, groups, users and services of the config file.
    """

    config: JupyterHub
    where: Addresses
    origins: Origins
    proxy: ProxySettings
    store: Store
    selection: PluginSelection
    links: OneTimeLinks
    observing: Observing
    tree: ScopeTree
    declared: Declarations


def read_configuration(config: Config, names: list[str]) -> Configuration:
    """Read the configuration, choose the plugins, and check everything that can be checked beforehand.

    Args:
        config: the whole configuration; old names in it are replaced.
        names: plugin names of the command line or the environment; empty for the defaults.

    Raises:
        StartError: a setting or a plugin is invalid.
    """
    warnings = apply_old_names(config)
    hub = JupyterHub(config=config)
    for check in setting_checks(hub, config):
        check()
    where, origins = addresses(hub), read_origins(hub)
    store = Store(Database(hub.db_url, hub.db_kwargs))
    observing = Observing(config, hub, store)
    chooser = PluginChooser(hub, config, store, where.hub_prefix)
    selection = _choose_plugins(chooser, names)
    selection.active.add(DATABASE, DatabaseTokens(store))
    observing.join(selection)
    inactive = check_settings(config, hub, selection, chooser.installed)
    for check in backend_checks(hub, config, selection):
        check()
    warn_of_settings(config, hub, inactive)
    for text in warnings:
        log.warning("%s", text)
    tree, declared = _read_declarations(hub, selection, where.base_url)
    if selection.added:
        log.info("default plugins: %s", ", ".join(selection.added))
    return Configuration(
        config=hub,
        where=where,
        origins=origins,
        proxy=proxy_settings(hub, where, origins),
        store=store,
        selection=selection,
        links=chooser.links,
        observing=observing,
        tree=tree,
        declared=declared,
    )


def _choose_plugins(chooser: PluginChooser, names: list[str]) -> PluginSelection:
    selection = chooser.choose(names)
    if ONETIME in selection.active.names:
        starter()  # the login link is for a user with a name: refuse now what would fail when everything runs
    return selection


def _read_declarations(
    hub: JupyterHub, selection: PluginSelection, base_url: str
) -> tuple[ScopeTree, Declarations]:
    try:
        tree = scopes_of(hub)
        return tree, declared_of(hub, selection, tree, base_url)
    except InvalidError as error:
        raise StartError(error.message, hint=error.hint) from error
